/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages in what the vCPUs of a VM log their writes in: dirty rings, or buffers of PML. */
#ifndef KVMMMU_LOGGED_PAGES_H
#define KVMMMU_LOGGED_PAGES_H

#include "kvm/vm.h"

struct km_logged_pages {
	bool read;	 /* km_logged_pages_read() was called */
	bool known;	 /* the logs of all vCPUs were read */
	uint64_t *pages; /* what they are is said where they are read; in ascending order */
	size_t count;
};

/*
 * Append the log of @vcpu to @pages, in any order, after km_logged_pages_room(). What is not
 * readable is in pages->known.
 */
typedef km_error *km_add_log_fn(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
				struct km_logged_pages *pages);

/*
 * Call @add for each vCPU, and sort what it appended. Errors: those of @add, Ctrl-C. Call
 * km_logged_pages_deinit() in any case.
 */
km_error *km_logged_pages_read(const struct km_kernel *kernel, const struct km_vm *vm,
			       km_add_log_fn *add, struct km_logged_pages *pages);
void km_logged_pages_deinit(struct km_logged_pages *pages);

/* Make room for @more pages behind those there are. Errors: out of memory, limits. */
km_error *km_logged_pages_room(const struct km_kernel *kernel, size_t more,
			       struct km_logged_pages *pages);

#endif
