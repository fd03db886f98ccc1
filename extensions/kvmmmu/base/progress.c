// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void km_progress_on_terminal(struct km_target *target, const char *what, uint64_t done)
{
	(void)target;
	if (!isatty(STDERR_FILENO))
		return;
	if (what)
		fprintf(stderr, "\rkvmmmu: %" PRIu64 " %s", done, what);
	else
		fputs("\r\033[K", stderr);
}
