/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own configuration, if it was built with IKCONFIG: kernel/configs.c. */
#ifndef KVMMMU_HOST_CONFIG_H
#define KVMMMU_HOST_CONFIG_H

#include "base/memory.h"

/*
 * Put the lines about KVM of the compressed configuration in [@start, @end) of target memory into
 * @text, separated by blanks; if there are none, the reason into @why.
 */
void km_host_config_read(struct km_memory *mem, uint64_t start, uint64_t end, char *text,
			 size_t size, char *why, size_t why_size);

/* The same for @len bytes of gzip. Return false if they are not valid. */
bool km_host_config_lines(const void *packed, size_t len, char *text, size_t size);

#endif
