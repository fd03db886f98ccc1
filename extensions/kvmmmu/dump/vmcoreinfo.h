/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMCOREINFO: lines of text with which a kernel describes itself to dump readers. */
#ifndef KVMMMU_VMCOREINFO_H
#define KVMMMU_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Get the value of line "KEY=value" in @text. Return false if there is no such line. */
bool km_vmcoreinfo_line(const char *text, const char *key, char *value, size_t size);

/* Get the value of "SYMBOL(name)=hex". */
bool km_vmcoreinfo_symbol(const char *text, const char *name, uint64_t *value);

/* Get the value of "NUMBER(name)=decimal or 0xhex"; a negative one in two's complement. */
bool km_vmcoreinfo_number(const char *text, const char *name, uint64_t *value);

#endif
