/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of the kernel and its modules: which function covers an address, and what its ORC tables
 * say to unwind from there. Read from the dump alone, at first use.
 */
#ifndef KVMMMU_TEXT_H
#define KVMMMU_TEXT_H

#include "kernel.h"

struct km_orc;

/*
 * Finds the code of the kernel and of all modules; cheap after the first time. Errors: Ctrl-C, out
 * of memory. What of the module list can't be read is unknown code.
 */
km_error *km_text_read(const struct km_kernel *kernel);

/* Nothing of it read yet; NULL when memory is out. */
struct km_text *km_text_new(void);
void km_text_free(struct km_text *text);

/* Is @addr code of the kernel or of a module? These ask after km_text_read(). */
bool km_is_text(const struct km_kernel *kernel, uint64_t addr);

/* The function that covers code address @addr, and how far into it; "" and false if none does. */
bool km_function_at(const struct km_kernel *kernel, uint64_t addr, char *name, size_t size,
		    uint64_t *offset);

/* Has the kernel ORC tables that we can read? */
bool km_has_orc(const struct km_kernel *kernel);

/* The ORC entry of code address @addr. Mirrors orc_find(). */
bool km_orc_find(const struct km_kernel *kernel, uint64_t addr, struct km_orc *orc);

#endif
