// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *km_temporary_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && *tmp ? tmp : "/var/tmp";
}

int km_temporary_file(void)
{
	int fd = open(km_temporary_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	/* where O_TMPFILE is not supported, unlink it */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR) ||
	    asprintf(&name, "%s/kvmmmu-XXXXXX", km_temporary_folder()) < 0)
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}
