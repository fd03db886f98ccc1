// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/address_space.h"

#include "dump/vmcoreinfo.h"

#include <inttypes.h>

#define PAGE_PRESENT  1ULL
#define PAGE_PSE      0x80ULL
#define PHYSICAL_MASK 0x000ffffffffff000ULL

km_error *km_address_space_init_pgd(struct km_address_space *as, struct km_target *target,
				    uint64_t pgd, int levels, uint64_t address_mask)
{
	*as = (struct km_address_space){
		.target = target,
		.tables = km_memory_new(target),
		.pgd = pgd,
		.levels = levels,
		.address_mask = address_mask & PHYSICAL_MASK,
	};
	return as->tables ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

km_error *km_address_space_init(struct km_address_space *as, struct km_target *target,
				const char *vmcoreinfo)
{
	uint64_t pgd, phys_base = 0, five = 0, sme_mask = 0;

	if (!km_vmcoreinfo_symbol(vmcoreinfo, "init_top_pgt", &pgd) &&
	    !km_vmcoreinfo_symbol(vmcoreinfo, "swapper_pg_dir", &pgd))
		return km_errorf(KM_EDATA,
				 "VMCOREINFO does not contain the address of the page tables");
	km_vmcoreinfo_number(vmcoreinfo, "phys_base", &phys_base);
	km_vmcoreinfo_number(vmcoreinfo, "pgtable_l5_enabled", &five);
	km_vmcoreinfo_number(vmcoreinfo, "sme_mask", &sme_mask);
	return km_address_space_init_pgd(as, target, pgd - KM_START_KERNEL_MAP + phys_base,
					 five ? 5 : 4, ~sme_mask);
}

void km_address_space_deinit(struct km_address_space *as)
{
	km_memory_free(as->tables);
	as->tables = NULL;
}

km_error *km_address_space_translate(struct km_address_space *as, uint64_t va, uint64_t *pa,
				     uint64_t *left)
{
	uint64_t table = as->pgd, entry;

	for (int level = as->levels; level >= 1; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t at = table + (va >> shift & 0x1ff) * 8, span = 1ULL << shift;
		km_error *err = km_read_phys(as->tables, at, &entry, sizeof(entry));

		if (err)
			return km_error_context(err, "page table for 0x%" PRIx64, va);
		if (!(entry & PAGE_PRESENT))
			return km_errorf(KM_EREAD, "virtual address 0x%" PRIx64 " is not mapped",
					 va);
		if (level == 1 || entry & PAGE_PSE) {
			*pa = (entry & as->address_mask & ~(span - 1)) | (va & (span - 1));
			*left = span - (va & (span - 1));
			return NULL;
		}
		table = entry & as->address_mask;
	}
	return km_errorf(KM_EREAD, "virtual address 0x%" PRIx64 " is not mapped", va);
}

km_error *km_address_space_read(struct km_address_space *as, uint64_t va, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		uint64_t pa, run, next, left;
		km_error *err = km_address_space_translate(as, va, &pa, &run);

		while (!err && run < len) {
			err = km_address_space_translate(as, va + run, &next, &left);
			if (err || next != pa + run)
				break;
			run += left;
		}
		if (!err) {
			run = run < len ? run : len;
			err = as->target->ops->read_phys(as->target, pa, out, run);
		}
		if (err)
			return err;
		out += run;
		va += run;
		len -= run;
	}
	return NULL;
}
