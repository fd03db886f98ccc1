/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of the kernel and its modules: the function that contains an address, and its ORC entry.
 * Read from the dump alone, at first use.
 */
#ifndef KVMMMU_TEXT_H
#define KVMMMU_TEXT_H

#include "kernel/kernel.h"

struct km_orc;

/*
 * Find the code of the kernel and of all modules, once. Modules that are not readable are left out.
 * KM_EINTR, KM_ENOMEM.
 */
km_error *km_text_read(const struct km_kernel *kernel);

/* Return an empty object, to be read later; NULL if memory is exhausted. */
struct km_text *km_text_new(void);
void km_text_free(struct km_text *text);

/* The following functions require km_text_read(). */

/* Is @addr code of the kernel or of a module? */
bool km_is_text(const struct km_kernel *kernel, uint64_t addr);

/*
 * Find the function that contains code address @addr, and the offset within it. Return false, with
 * an empty @name, if there is none.
 */
bool km_function_at(const struct km_kernel *kernel, uint64_t addr, char *name, size_t size,
		    uint64_t *offset);

/* Likewise; return its name, which lives as long as @kernel, and has 63 bytes at most; "": none. */
const char *km_function_name_at(const struct km_kernel *kernel, uint64_t addr, uint64_t *offset);

/* Does the kernel have ORC tables of a known encoding? */
bool km_has_orc(const struct km_kernel *kernel);

/* Find the ORC entry for code address @addr. Mirrors orc_find(). Return false if there is none. */
bool km_orc_find(const struct km_kernel *kernel, uint64_t addr, struct km_orc *orc);

#endif
