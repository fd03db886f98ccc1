// SPDX-License-Identifier: GPL-2.0-or-later
#include "write_all.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			bytes += done;
			len -= (size_t)done;
		}
	}
	return true;
}

km_error *write_answer(int fd, const char *text, size_t len, bool *gone)
{
	bool written = write_all(fd, text, len);

	*gone = !written && errno == EPIPE;
	if (written || *gone)
		return NULL;
	return km_errorf(KM_EWRITE, "cannot write the answer: %s", strerror(errno));
}
