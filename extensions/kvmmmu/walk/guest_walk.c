// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/guest_walk.h"

#include "walk/host_walk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PT_P		    KM_BIT(0)
#define PT_W		    KM_BIT(1)
#define PT_U		    KM_BIT(2)
#define PT_PS		    KM_BIT(7)
#define PT_NX		    KM_BIT(63)
#define X86_EFLAGS_AC	    KM_BIT(18)
#define EPT_X		    KM_BIT(2)
#define EPT_XU		    KM_BIT(10)
#define PT32E_ROOT_LEVEL    3
#define PT32_ROOT_LEVEL	    2
#define GPTE_BASE_ADDR_MASK (KM_BIT(52) - KM_BIT(12))

/* A walk and the format of its tables. */
struct walker {
	const struct km_kernel *k;
	const struct km_vm *vm;
	const struct km_memslots *slots;
	const struct km_guest_tables *tables;
	uint64_t addr;
	bool four_byte;
	bool mbec; /* of the EPT tables of a nested hypervisor */
	struct km_rsvd_bits rsvd;
	struct km_guest_walk *out;
};

static bool stop(struct km_guest_walk *walk, enum km_guest_end end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* End the walk. Return false. */
static bool stop(struct km_guest_walk *walk, enum km_guest_end end, const char *fmt, ...)
{
	va_list ap;

	walk->end = end;
	va_start(ap, fmt);
	vsnprintf(walk->why, sizeof(walk->why), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_nested_ept(const struct km_mmu *mmu)
{
	return !strcmp(mmu->name, "guest_mmu") && mmu->paging == KM_PAGING_EPT;
}

/*
 * Translate the address @table of a page table by the tables of the nested hypervisor. KVM walks
 * these with the rights of a user, kvm_translate_gpa(): they are not checked here.
 */
static km_error *translate(struct walker *w, uint64_t *table, bool *mapped)
{
	struct km_guest_walk outer;
	km_error *err;

	*mapped = true;
	if (!w->tables->outer)
		return NULL;
	err = km_guest_walk_tables(w->k, w->vm, w->slots, w->tables->outer, *table, &outer);
	if (err)
		return err;
	*mapped = outer.end == KM_GUEST_MAPPED;
	if (!*mapped)
		stop(w->out, outer.end,
		     "the table at 0x%" PRIx64
		     " is not mapped by the hypervisor in the guest: %.70s",
		     *table, outer.why);
	*table = outer.gfn << KM_PAGE_SHIFT;
	return NULL;
}

/*
 * Read a guest page-table entry at @gpa. While a capsule is being made, guest memory counts as
 * missing, so that the capsule contains what is needed without it.
 */
static bool read_gpte(struct walker *w, uint64_t gpa, uint64_t *pte)
{
	const struct km_memslot *slot = km_gfn_to_memslot(w->slots, gpa >> KM_PAGE_SHIFT);
	struct km_memory *mem = w->k->mem;
	km_scoped_error *err = NULL;
	struct km_host_pte host;
	uint64_t offset;

	*pte = 0;
	if (!slot && w->slots->trouble)
		return stop(w->out, KM_GUEST_OPEN, "not all memslots are readable");
	if (!slot || (slot->flags & KVM_MEMSLOT_INVALID))
		return stop(w->out, KM_GUEST_FAULTS,
			    "no %smemslot contains the guest's table at 0x%" PRIx64,
			    slot ? "valid " : "", (gpa >> KM_PAGE_SHIFT) << KM_PAGE_SHIFT);
	if (km_memory_recorder(mem) || km_target_excludes_guest_memory(km_memory_target(mem)))
		return stop(w->out, KM_GUEST_OPEN, "a capsule does not contain guest memory");
	offset = gpa - (slot->base_gfn << KM_PAGE_SHIFT);
	host = km_host_walk(w->k, w->vm, slot->userspace_addr + offset);
	if (!host.known || !host.present)
		return stop(w->out, KM_GUEST_OPEN,
			    host.known ? "the host does not map the guest's table at 0x%" PRIx64
					 ": swapped out?"
				       : "the host's page tables for 0x%" PRIx64
					 " are not in the dump",
			    gpa);
	err = km_read_phys(mem, host.pa, pte, w->four_byte ? 4 : 8);
	if (err)
		return stop(w->out, KM_GUEST_OPEN,
			    "the guest's page table at 0x%" PRIx64 " is not in the dump", gpa);
	return true;
}

static bool gpte_present(const struct walker *w, uint64_t pte)
{
	if (w->tables->ept)
		return pte & (7 | (w->mbec ? EPT_XU : 0));
	return pte & PT_P;
}

static bool is_last_gpte(const struct walker *w, int level, uint64_t pte)
{
	if (level == PG_LEVEL_4K)
		return true;
	if (!(pte & PT_PS))
		return false;
	if (w->four_byte)
		return level == PG_LEVEL_2M && w->tables->w->cpu_role.ext.cr4_pse;
	return level <= PG_LEVEL_1G;
}

/* FNAME(gpte_access), in KM_ACC_RWUX. */
static unsigned gpte_access(const struct walker *w, uint64_t pte)
{
	unsigned access = (pte & PT_P ? ACC_READ_MASK : 0) | (pte & PT_W ? ACC_WRITE_MASK : 0);

	if (!w->tables->ept)
		return access | (pte & PT_U ? ACC_USER_MASK : 0) |
		       (pte & PT_NX ? 0 : ACC_EXEC_MASK);
	return access | (pte & EPT_X ? ACC_EXEC_MASK : 0) | (pte & EPT_XU ? ACC_USER_EXEC_MASK : 0);
}

/* gpte_to_gfn_lvl(), plus the part of the address below that level. */
static uint64_t leaf_gfn(const struct walker *w, int level, uint64_t pte)
{
	unsigned shift = (w->four_byte ? 10 : 9) * (level - 1);
	uint64_t below = KM_BIT(shift) - 1;
	uint64_t gfn = (pte & GPTE_BASE_ADDR_MASK) >> KM_PAGE_SHIFT & ~below;

	if (w->four_byte && level == PG_LEVEL_2M)
		gfn += (pte & 0x1e000) << 7;
	return gfn + (w->addr >> KM_PAGE_SHIFT & below);
}

/* Does the processor accept the bits of the entry, as far as they are known? */
static bool check_reserved(struct walker *w, uint64_t pte, int level)
{
	bool bad_mt_xwr;
	uint64_t bits;

	if (!w->out->rsvd_checked)
		return true;
	bits = km_rsvd_gpte(&w->rsvd, pte, level, w->mbec, &bad_mt_xwr);
	if (!bits && !bad_mt_xwr)
		return true;
	w->out->reserved = true;
	if (bits)
		return stop(w->out, KM_GUEST_FAULTS,
			    "the guest's entry 0x%" PRIx64 " at level %d has reserved bits set: "
			    "0x%" PRIx64,
			    pte, level, bits);
	return stop(w->out, KM_GUEST_FAULTS,
		    "the guest's entry 0x%" PRIx64 " at level %d has a reserved combination of "
		    "memory type and rights",
		    pte, level);
}

static bool start(struct walker *w, int *level, uint64_t *table)
{
	const struct km_guest_tables *t = w->tables;
	const struct km_page_role *role;

	if (!t->w || !t->w->role_known || !km_is_known(t->root))
		return stop(w->out, KM_GUEST_OPEN, "the guest's paging mode is not known");
	role = &t->w->cpu_role.base;
	w->mbec = t->ept && km_has_mbec(KM_PAGING_EPT, role->cr4_smep);
	w->four_byte = role->has_4_byte_gpte;
	*level = w->out->top = w->out->level = role->level;
	*table = t->root.v & GPTE_BASE_ADDR_MASK;
	if (*level < PT32_ROOT_LEVEL || *level > KM_GUEST_LEVELS)
		return stop(w->out, KM_GUEST_OPEN, "there is no guest paging mode with %d levels",
			    *level);
	if (*level == PT32E_ROOT_LEVEL)
		*table = t->root.v & 0xffffffe0;
	if (w->four_byte)
		*table &= 0xfffff000;
	return true;
}

/*
 * Read the entry at @level of the table at @table, and add it to the walk. *@last: the walk ends
 * with it. The PDPTEs of PAE have neither rights nor, here, reserved bits: load_pdptrs() checks
 * them.
 */
static km_error *walk_level(struct walker *w, int level, uint64_t table, bool *last)
{
	struct km_guest_walk *out = w->out;
	struct km_guest_entry *entry = &out->entries[out->count];
	bool pdpte = out->top == PT32E_ROOT_LEVEL && level == PT32E_ROOT_LEVEL, mapped;
	unsigned bits = w->four_byte ? 10 : 9;
	uint64_t index = w->addr >> (KM_PAGE_SHIFT + bits * (level - 1));
	km_error *err;

	*last = true;
	index &= pdpte ? 3 : KM_BIT(bits) - 1;
	*entry = (struct km_guest_entry){.level = level, .index = (unsigned)index, .table = table};
	err = translate(w, &table, &mapped);
	if (err || !mapped)
		return err;
	entry->gpa = table + index * (w->four_byte ? 4 : 8);
	if (!read_gpte(w, entry->gpa, &out->pte))
		return NULL;
	/* only now: a capsule needs no reserved bits for a walk that it cannot start */
	if (!out->count++)
		out->rsvd_checked = km_guest_rsvd_read(w->k, w->tables->w, &w->rsvd);
	entry->pte = out->pte;
	if (!gpte_present(w, out->pte)) {
		stop(out, KM_GUEST_FAULTS,
		     "the guest's entry 0x%" PRIx64 " at level %d is not present", out->pte, level);
		return NULL;
	}
	entry->access = pdpte ? KM_GUEST_ALL_ACCESS : gpte_access(w, out->pte);
	out->access &= entry->access;
	if (!pdpte && !check_reserved(w, out->pte, level))
		return NULL;
	*last = !pdpte && is_last_gpte(w, level, out->pte);
	if (!*last)
		return NULL;
	out->end = KM_GUEST_MAPPED;
	out->gfn = leaf_gfn(w, level, out->pte);
	snprintf(out->why, sizeof(out->why),
		 "the guest's entry 0x%" PRIx64 " at level %d maps gfn 0x%" PRIx64, out->pte, level,
		 out->gfn);
	return NULL;
}

km_error *km_guest_walk_tables(const struct km_kernel *kernel, const struct km_vm *vm,
			       const struct km_memslots *slots,
			       const struct km_guest_tables *tables, uint64_t addr,
			       struct km_guest_walk *walk)
{
	struct walker w = {
		.k = kernel, .vm = vm, .slots = slots, .tables = tables, .addr = addr, .out = walk};
	uint64_t table = 0;
	bool last = false;
	int level = 0;

	memset(walk, 0, sizeof(*walk));
	if (!start(&w, &level, &table))
		return NULL;
	walk->access = KM_GUEST_ALL_ACCESS;
	for (; !last && level >= PG_LEVEL_4K; level--) {
		km_error *err = km_check_interrupt(kernel->mem);

		walk->level = level;
		if (!err)
			err = walk_level(&w, level, table, &last);
		if (err)
			return err;
		table = walk->pte & GPTE_BASE_ADDR_MASK;
	}
	return NULL;
}

struct km_guest_tables km_guest_tables_of(const struct km_mmu *mmu)
{
	return (struct km_guest_tables){
		.w = mmu->w, .root = mmu->root.pgd, .ept = is_nested_ept(mmu)};
}

const struct km_perm_table *km_guest_table(const struct km_vcpu_mmu *all,
					   const struct km_pagewalk *w)
{
	for (size_t i = 0; w && i < all->table_count; i++) {
		const struct km_perm_table *table = &all->tables[i];

		if (!table->spte && !strncmp(table->context, w->name, strlen(w->name)))
			return table;
	}
	return NULL;
}

void km_guest_access_registers(const struct km_guest_paging *paging, struct km_guest_access *access)
{
	access->ac_known = km_is_known(paging->rflags);
	access->ac = paging->rflags.v & X86_EFLAGS_AC;
	access->pkru_known = km_is_known(paging->pkru);
	access->pkru = (uint32_t)paging->pkru.v;
}

/* permission_fault(): does the guest's permission table allow the access? */
static void judge(const struct km_kernel *k, const struct km_vcpu *vcpu,
		  const struct km_vcpu_mmu *all, const struct km_guest_tables *tables,
		  uint64_t error_code, struct km_guest_walk *walk)
{
	const struct km_perm_table *table = km_guest_table(all, tables->w);
	struct km_guest_access in = {.format = k->features.acc,
				     .ept = tables->ept,
				     .acc = walk->access,
				     .pkey = km_guest_pkey(walk)};
	struct km_guest_paging paging;
	bool pk;

	if (!table || (table->status != KM_TABLE_MATCHES && table->status != KM_TABLE_DIFFERS)) {
		stop(walk, KM_GUEST_OPEN,
		     "the permission table for the guest's entries is not known");
		return;
	}
	in.words = table->words;
	in.pkru_mask = table->pkru_mask;
	km_guest_paging_read(k, vcpu, all, &paging);
	km_guest_access_registers(&paging, &in);
	switch (km_permission_fault(&in, error_code, &pk)) {
	case KM_GUEST_PERMITS:
		return;
	case KM_GUEST_FORBIDS:
		stop(walk, KM_GUEST_FAULTS,
		     "the guest's entry 0x%" PRIx64 " at level %d forbids the access", walk->pte,
		     walk->level);
		return;
	case KM_GUEST_NEEDS_AC:
		stop(walk, KM_GUEST_OPEN, "the result depends on SMAP, and EFLAGS.AC is not known");
		return;
	case KM_GUEST_NEEDS_PKRU:
		stop(walk, KM_GUEST_OPEN,
		     "the result depends on a protection key, and PKRU is not known");
		return;
	}
}

km_error *km_guest_walk(const struct km_kernel *kernel, const struct km_vm *vm,
			const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			const struct km_mmu *mmu, const struct km_memslots *slots, uint64_t addr,
			uint64_t error_code, struct km_guest_walk *walk)
{
	struct km_guest_tables tables = km_guest_tables_of(mmu);
	km_error *err = km_guest_walk_tables(kernel, vm, slots, &tables, addr, walk);

	if (!err && walk->end == KM_GUEST_MAPPED)
		judge(kernel, vcpu, all, &tables, error_code, walk);
	return err;
}

/* ---- one page table ---- */

bool km_gpte_size_known(const struct km_kernel *kernel, const struct km_mmu *mmu,
			const struct km_page_role *role)
{
	return !role->has_4_byte_gpte || kernel->vendor != KM_VENDOR_AMD ||
	       kernel->masks.layout->mmu_present_mask || strcmp(mmu->name, "guest_mmu") != 0;
}

bool km_gpte_format(const struct km_mmu *mmu, struct km_gpte_format *format)
{
	if (!mmu->w || !mmu->w->role_known)
		return false;
	format->ept = is_nested_ept(mmu);
	format->mbec = format->ept && km_has_mbec(KM_PAGING_EPT, mmu->w->cpu_role.base.cr4_smep);
	format->pse = mmu->w->cpu_role.ext.cr4_pse;
	return true;
}

/*
 * With 4-byte entries, a page directory is shadowed by four pages, whose entries map half of what
 * its entries map: kvm_mmu_child_role().
 */
static struct km_gpte decode_four_byte(const struct km_gpte_format *format,
				       const struct km_page_role *role, const uint8_t *table,
				       unsigned index)
{
	bool is_pte = role->level == PG_LEVEL_4K;
	unsigned at = (role->quadrant * 512u + index) / (is_pte ? 1 : 2) %
		      (KM_PAGE_SIZE / sizeof(uint32_t));
	struct km_gpte gpte = {0};
	uint32_t entry;

	memcpy(&entry, table + at * sizeof(entry), sizeof(entry));
	gpte.present = entry & PT_P;
	gpte.writable = entry & PT_W;
	gpte.leaf = is_pte || ((entry & PT_PS) && format->pse);
	gpte.gfn = entry >> KM_PAGE_SHIFT;
	if (gpte.leaf && !is_pte) /* PSE-36 */
		gpte.gfn = (gpte.gfn & ~0x3ffULL) + ((uint64_t)(entry & 0x1e000) << 7) +
			   (index & 1) * 512u;
	return gpte;
}

struct km_gpte km_gpte_decode(const struct km_gpte_format *format, const struct km_page_role *role,
			      const uint8_t *table, unsigned index)
{
	struct km_gpte gpte = {0};
	uint64_t entry;

	if (role->has_4_byte_gpte)
		return decode_four_byte(format, role, table, index);
	memcpy(&entry, table + index * sizeof(entry), sizeof(entry));
	gpte.present = entry & (format->ept ? 7 | (format->mbec ? EPT_XU : 0) : PT_P);
	gpte.writable = entry & PT_W;
	gpte.leaf = role->level == PG_LEVEL_4K || ((entry & PT_PS) && role->level <= PG_LEVEL_1G);
	gpte.gfn = (entry & GPTE_BASE_ADDR_MASK) >> KM_PAGE_SHIFT;
	if (gpte.leaf)
		gpte.gfn &= ~(KM_BIT(9 * (role->level - 1)) - 1);
	return gpte;
}

bool km_guest_table_read(const struct km_kernel *k, const struct km_vm *vm,
			 const struct km_memslots *slots, uint64_t gfn, uint8_t table[KM_PAGE_SIZE])
{
	const struct km_memslot *slot = km_gfn_to_memslot(slots, gfn);
	km_scoped_error *err = NULL;
	struct km_host_pte host;

	if (!slot || (slot->flags & KVM_MEMSLOT_INVALID) || km_memory_recorder(k->mem) ||
	    km_target_excludes_guest_memory(km_memory_target(k->mem)))
		return false;
	host = km_host_walk(k, vm,
			    slot->userspace_addr + ((gfn - slot->base_gfn) << KM_PAGE_SHIFT));
	if (!host.known || !host.present)
		return false;
	err = km_read_phys(k->mem, host.pa, table, KM_PAGE_SIZE);
	return !err;
}
