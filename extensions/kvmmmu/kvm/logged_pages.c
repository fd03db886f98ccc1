// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/logged_pages.h"

#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>

km_error *km_logged_pages_room(const struct km_kernel *k, size_t more,
			       struct km_logged_pages *pages)
{
	uint64_t *grown;
	km_error *err = km_memory_charge(k->mem, more, sizeof(*grown));

	if (err)
		return err;
	grown = reallocarray(pages->pages, pages->count + more, sizeof(*grown));
	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	pages->pages = grown;
	return NULL;
}

km_error *km_logged_pages_read(const struct km_kernel *k, const struct km_vm *vm,
			       km_add_log_fn *add, struct km_logged_pages *pages)
{
	bool before = km_memory_try(k->mem, true);
	km_error *err = NULL;

	memset(pages, 0, sizeof(*pages));
	pages->read = true;
	pages->known = !vm->vcpus_lost;
	for (size_t i = 0; i < vm->vcpu_count && !err; i++) {
		err = add(k, &vm->vcpus[i], pages);
		if (!err)
			err = km_check_interrupt(k->mem);
	}
	km_memory_try(k->mem, before);
	km_sort(pages->pages, pages->count);
	return err;
}

void km_logged_pages_deinit(struct km_logged_pages *pages)
{
	free(pages->pages);
	memset(pages, 0, sizeof(*pages));
}
