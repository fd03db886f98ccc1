/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMCOREINFO: the few lines of text by which a kernel describes itself to dump readers. */
#ifndef KVMMMU_VMCOREINFO_H
#define KVMMMU_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Value of line "KEY=value" in @text, up to the line's end; false if there is no such line. */
bool vmcoreinfo_line(const char *text, const char *key, char *value, size_t size);

/* Value of "SYMBOL(name)=hex". */
bool vmcoreinfo_symbol(const char *text, const char *name, uint64_t *value);

/* Value of "NUMBER(name)=decimal or 0xhex", negative ones in two's complement. */
bool vmcoreinfo_number(const char *text, const char *name, uint64_t *value);

#endif
