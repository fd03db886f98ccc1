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
#define EPT_X		    KM_BIT(2)
#define EPT_XU		    KM_BIT(10)
#define PT32E_ROOT_LEVEL    3
#define PT32_ROOT_LEVEL	    2
#define GPTE_BASE_ADDR_MASK (KM_BIT(52) - KM_BIT(12))

/* A walk and the format of its tables. */
struct walker {
	const struct km_kernel *k;
	const struct km_vm *vm;
	const struct km_vcpu_mmu *all;
	const struct km_mmu *mmu;
	const struct km_memslots *slots;
	uint64_t addr, error_code;
	bool ept, four_byte;
	bool mbec; /* of the EPT tables of a nested hypervisor */
	struct km_guest_walk *out;
};

static bool stop(struct walker *w, enum km_guest_end end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* End the walk. Return false. */
static bool stop(struct walker *w, enum km_guest_end end, const char *fmt, ...)
{
	va_list ap;

	w->out->end = end;
	va_start(ap, fmt);
	vsnprintf(w->out->why, sizeof(w->out->why), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_nested_ept(const struct km_mmu *mmu)
{
	return !strcmp(mmu->name, "guest_mmu") && mmu->paging == KM_PAGING_EPT;
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
		return stop(w, KM_GUEST_OPEN, "not all memslots are readable");
	if (!slot || (slot->flags & KVM_MEMSLOT_INVALID))
		return stop(w, KM_GUEST_FAULTS,
			    "no %smemslot contains the guest's table at 0x%" PRIx64,
			    slot ? "valid " : "", (gpa >> KM_PAGE_SHIFT) << KM_PAGE_SHIFT);
	if (km_memory_recorder(mem) || km_target_excludes_guest_memory(km_memory_target(mem)))
		return stop(w, KM_GUEST_OPEN, "a capsule does not contain guest memory");
	offset = gpa - (slot->base_gfn << KM_PAGE_SHIFT);
	host = km_host_walk(w->k, w->vm, slot->userspace_addr + offset);
	if (!host.known || !host.present)
		return stop(w, KM_GUEST_OPEN,
			    host.known ? "the host does not map the guest's table at 0x%" PRIx64
					 ": swapped out?"
				       : "the host's page tables for 0x%" PRIx64
					 " are not in the dump",
			    gpa);
	err = km_read_phys(mem, host.pa, pte, w->four_byte ? 4 : 8);
	if (err)
		return stop(w, KM_GUEST_OPEN,
			    "the guest's page table at 0x%" PRIx64 " is not in the dump", gpa);
	return true;
}

static bool gpte_present(const struct walker *w, uint64_t pte)
{
	if (w->ept)
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
		return level == PG_LEVEL_2M && w->mmu->w->cpu_role.ext.cr4_pse;
	return level <= PG_LEVEL_1G;
}

/* FNAME(gpte_access), in KM_ACC_RWUX. */
static unsigned gpte_access(const struct walker *w, uint64_t pte)
{
	unsigned access = (pte & PT_P ? ACC_READ_MASK : 0) | (pte & PT_W ? ACC_WRITE_MASK : 0);

	if (!w->ept)
		return access | (pte & PT_U ? ACC_USER_MASK : 0) |
		       (pte & PT_NX ? 0 : ACC_EXEC_MASK);
	return access | (pte & EPT_X ? ACC_EXEC_MASK : 0) | (pte & EPT_XU ? ACC_USER_EXEC_MASK : 0);
}

/* The rights in the format of this kernel's permission words. */
static unsigned acc_for_words(const struct walker *w, unsigned access)
{
	unsigned user = w->ept ? ACC_READ_MASK : ACC_USER_MASK;

	if (w->k->features.acc == KM_ACC_RWUX)
		return access;
	return (access & ACC_EXEC_MASK ? ACC_UWX_EXEC_MASK : 0) |
	       (access & ACC_WRITE_MASK ? ACC_UWX_WRITE_MASK : 0) |
	       (access & user ? ACC_UWX_USER_MASK : 0);
}

static const struct km_perm_table *guest_table(const struct walker *w)
{
	const char *name = w->mmu->w->name;

	for (size_t i = 0; i < w->all->table_count; i++) {
		const struct km_perm_table *table = &w->all->tables[i];

		if (!table->spte && !strncmp(table->context, name, strlen(name)))
			return table;
	}
	return NULL;
}

/* permission_fault(): does the guest's permission table allow the access? */
static bool permitted(struct walker *w)
{
	const struct km_perm_table *table = guest_table(w);
	unsigned pfec = w->error_code & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK);
	unsigned bit = acc_for_words(w, w->out->access);
	bool with_smap, without;

	if (!table || (table->status != KM_TABLE_MATCHES && table->status != KM_TABLE_DIFFERS))
		return stop(w, KM_GUEST_OPEN,
			    "the permission table for the guest's entries is not known");
	with_smap = table->words[pfec >> 1] & KM_BIT(bit);
	without = table->words[(pfec | PFERR_RSVD_MASK) >> 1] & KM_BIT(bit);
	if (with_smap != without)
		return stop(w, KM_GUEST_OPEN,
			    "the result depends on SMAP, and EFLAGS.AC is not known");
	if (with_smap)
		return stop(w, KM_GUEST_FAULTS,
			    "the guest's entry 0x%" PRIx64 " at level %d forbids the access",
			    w->out->pte, w->out->level);
	if (table->pkru_mask && (w->out->access & ACC_USER_MASK) && (w->out->pte >> 59 & 0xf))
		return stop(w, KM_GUEST_OPEN,
			    "the result depends on a protection key, and PKRU is not known");
	return true;
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

static bool start(struct walker *w, int *level, uint64_t *table)
{
	const struct km_page_role *role;

	if (!w->mmu->w || !w->mmu->w->role_known || !km_is_known(w->mmu->root.pgd))
		return stop(w, KM_GUEST_OPEN, "the guest's paging mode is not known");
	role = &w->mmu->w->cpu_role.base;
	w->ept = is_nested_ept(w->mmu);
	w->mbec = w->ept && km_has_mbec(KM_PAGING_EPT, role->cr4_smep);
	w->four_byte = role->has_4_byte_gpte;
	*level = w->out->top = w->out->level = role->level;
	*table = w->mmu->root.pgd.v & GPTE_BASE_ADDR_MASK;
	if (*level < PT32_ROOT_LEVEL || *level > 5)
		return stop(w, KM_GUEST_OPEN, "there is no guest paging mode with %d levels",
			    *level);
	if (*level == PT32E_ROOT_LEVEL)
		*table = w->mmu->root.pgd.v & 0xffffffe0;
	if (w->four_byte)
		*table &= 0xfffff000;
	return true;
}

static km_error *walk_down(struct walker *w)
{
	struct km_guest_walk *out = w->out;
	uint64_t table = 0;
	int level = 0;

	if (!start(w, &level, &table))
		return NULL;
	out->access = ACC_READ_MASK | ACC_WRITE_MASK | ACC_USER_MASK | ACC_EXEC_MASK;
	for (;; level--) {
		unsigned bits = w->four_byte ? 10 : 9;
		bool pdpte = out->top == PT32E_ROOT_LEVEL && level == PT32E_ROOT_LEVEL;
		uint64_t index = w->addr >> (KM_PAGE_SHIFT + bits * (level - 1));
		km_error *err = km_check_interrupt(w->k->mem);

		if (err)
			return err;
		out->level = level;
		out->table_gfns[level - 1] = table >> KM_PAGE_SHIFT;
		index &= pdpte ? 3 : KM_BIT(bits) - 1;
		if (!read_gpte(w, table + index * (w->four_byte ? 4 : 8), &out->pte))
			return NULL;
		if (!gpte_present(w, out->pte)) {
			stop(w, KM_GUEST_FAULTS,
			     "the guest's entry 0x%" PRIx64 " at level %d is not present", out->pte,
			     level);
			return NULL;
		}
		if (!pdpte)
			out->access &= gpte_access(w, out->pte);
		if (is_last_gpte(w, level, out->pte) && !pdpte)
			break;
		if (level == PG_LEVEL_4K)
			break;
		table = out->pte & GPTE_BASE_ADDR_MASK;
	}
	if (!permitted(w))
		return NULL;
	out->end = KM_GUEST_MAPPED;
	out->gfn = leaf_gfn(w, level, out->pte);
	snprintf(out->why, sizeof(out->why),
		 "the guest's entry 0x%" PRIx64 " at level %d maps gfn 0x%" PRIx64, out->pte, level,
		 out->gfn);
	return NULL;
}

km_error *km_guest_walk(const struct km_kernel *kernel, const struct km_vm *vm,
			const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
			const struct km_memslots *slots, uint64_t addr, uint64_t error_code,
			struct km_guest_walk *walk)
{
	struct walker w = {kernel,     vm,    all,   mmu,   slots, addr,
			   error_code, false, false, false, walk};

	memset(walk, 0, sizeof(*walk));
	return walk_down(&w);
}

/* ---- one page table ---- */

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
	unsigned at = (role->quadrant * 512u + index) / 2 % (KM_PAGE_SIZE / sizeof(uint32_t));
	struct km_gpte gpte = {0};
	uint32_t entry;

	memcpy(&entry, table + at * sizeof(entry), sizeof(entry));
	gpte.present = entry & PT_P;
	gpte.leaf = (entry & PT_PS) && format->pse;
	gpte.gfn = entry >> KM_PAGE_SHIFT;
	if (gpte.leaf) /* PSE-36 */
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
	gpte.leaf = (entry & PT_PS) && role->level <= PG_LEVEL_1G;
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
