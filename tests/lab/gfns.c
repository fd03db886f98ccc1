// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gfns DUMP [DEBUGINFO]: print, as JSON, what the library finds about all gfns of the VMs in a dump
 * and about their locks, for comparison with KVM's own counts.
 */
#include "on_dump.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>
#include <stdio.h>

#define MAX_GFNS 65536 /* of a slot */

static void put_val(const char *name, struct km_val val)
{
	if (km_is_known(val))
		printf("\"%s\": %" PRIu64 ", ", name, val.v);
	else
		printf("\"%s\": null, ", name);
}

static km_error *put_vm(const struct km_kernel *k, const struct km_vm *vm)
{
	struct km_vm_locks locks = km_vm_locks_read(k, vm);
	uint64_t tables = 0, shadow_pages = 0, leaves = 0, tracked = 0, attributes = 0, unknown = 0;
	struct km_memslots slots;
	km_error *err = km_memslots_read(k, vm->addr, 0, &slots);

	for (size_t i = 0; !err && i < slots.count; i++) {
		const struct km_memslot *slot = &slots.slots[i];

		for (uint64_t n = 0; n < slot->npages && n < MAX_GFNS; n++) {
			uint64_t gfn = slot->base_gfn + n;
			struct km_shadow_pages pages = km_gfn_shadow_pages(k, vm, gfn);
			struct km_val track = km_gfn_write_track(k, vm, 0, slot, gfn);
			struct km_val attr = km_gfn_attributes(k, vm, gfn);

			unknown +=
				!pages.known || !km_is_known(track) || attr.known == KM_UNREADABLE;
			shadow_pages += pages.count;
			tables += pages.count > 0;
			leaves += pages.count == 1 && pages.level == 1;
			tracked += track.v > 0;
			attributes += attr.v > 0;
		}
	}
	km_memslots_deinit(&slots);
	printf("{\"comm\": \"%s\", ", vm->comm);
	put_val("slots_lock_owner", locks.slots_lock_owner);
	put_val("mmu_lock", locks.mmu_lock);
	put_val("indirect_shadow_pages", vm->indirect_shadow_pages);
	printf("\"sev\": %d, \"shadow_pages\": %" PRIu64 ", \"tables\": %" PRIu64
	       ", \"leaves\": %" PRIu64 ", \"tracked\": %" PRIu64 ", \"attributes\": %" PRIu64
	       ", \"unknown\": %" PRIu64 "}",
	       km_vm_sev(k, vm), shadow_pages, tables, leaves, tracked, attributes, unknown);
	return err;
}

static km_error *put_all(const struct km_kernel *k)
{
	return put_each_vm(k, put_vm);
}

int main(int argc, char **argv)
{
	return put_on_dump(argc, argv, put_all);
}
