/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Temporary files without a name: what does not fit in memory. */
#ifndef KVMMMU_TEMPORARY_H
#define KVMMMU_TEMPORARY_H

/* Return $TMPDIR or, if it is not set, /var/tmp. */
const char *km_temporary_folder(void);

/* Create a file there that only its descriptor refers to. Return -1 with errno on an error. */
int km_temporary_file(void);

#endif
