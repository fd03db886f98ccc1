/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions of KVM, and a few members, that had other names in earlier kernels: function_names.def.
 */
#ifndef KVMMMU_FUNCTION_NAMES_H
#define KVMMMU_FUNCTION_NAMES_H

#include "kernel/kernel.h"

/* Return the name that @kernel has for the function which today's kernel calls @today; @today if it
 * has no other. */
const char *km_function_name(const struct km_kernel *kernel, const char *today);

/*
 * Replace each name of a function in @text ("direct_map(), is_page_fault_stale()") by the one of
 * @kernel, in @buf of @size bytes, where it is cut off. Return @buf.
 */
char *km_function_names(const struct km_kernel *kernel, const char *text, char *buf, size_t size);

/* The same in place, in a text of at most @size bytes. */
void km_rename_functions(const struct km_kernel *kernel, char *text, size_t size);

#endif
