// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_PACKED   (1 << 20)
#define MAX_UNPACKED (4 << 20) /* a configuration has about 300 KiB */

/* Add @line if it sets an option of KVM; "..." if there is no room for it. */
static void take_line(const char *line, char *text, size_t size)
{
	static const char more[] = " ...";
	size_t used = strlen(text), len = strlen(line);

	if (strncmp(line, "CONFIG_", 7) || !strstr(line, "KVM"))
		return;
	if (used >= sizeof(more) - 1 && !strcmp(text + used - (sizeof(more) - 1), more))
		return;
	if (used + len + 1 + sizeof(more) <= size)
		snprintf(text + used, size - used, "%s%s", used ? " " : "", line);
	else if (used + sizeof(more) <= size)
		memcpy(text + used, more, sizeof(more));
}

bool km_host_config_lines(const void *packed, size_t len, char *text, size_t size)
{
	z_stream z = {.next_in = (void *)packed, .avail_in = (uInt)len};
	char *all = malloc(MAX_UNPACKED + 1), *rest, *line;
	int state;

	text[0] = '\0';
	if (!all || inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
		free(all);
		return false;
	}
	z.next_out = (void *)all;
	z.avail_out = MAX_UNPACKED;
	state = inflate(&z, Z_FINISH);
	all[z.total_out] = '\0';
	inflateEnd(&z);
	for (rest = all; state == Z_STREAM_END && (line = strsep(&rest, "\n"));)
		take_line(line, text, size);
	free(all);
	return state == Z_STREAM_END;
}

void km_host_config_read(struct km_memory *mem, uint64_t start, uint64_t end, char *text,
			 size_t size, char *why, size_t why_size)
{
	size_t len = end > start && end - start < MAX_PACKED ? end - start : 0;
	km_scoped_error *err = km_memory_charge(mem, 1, len + 1);
	char *packed = err ? NULL : malloc(len + 1);

	if (packed && len)
		err = km_read_virt_as(mem, start, packed, len, "kernel_config_data");
	if (packed && end > start && !len)
		snprintf(why, why_size,
			 "kernel_config_data has %" PRIu64 " bytes, which is too large",
			 end - start);
	else if (!packed || !len || err)
		snprintf(why, why_size, "kernel_config_data is not readable in the dump");
	else if (!km_host_config_lines(packed, len, text, size))
		snprintf(why, why_size, "kernel_config_data is damaged");
	else if (!*text)
		snprintf(why, why_size, "it contains no lines about KVM");
	free(packed);
}
