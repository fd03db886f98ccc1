// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks of a guest's page tables in every paging mode, through every kind of entry at every level,
 * and every access to the pages at their end. The tables are in memory as a guest has them. What
 * the processor does with them is written here mode by mode, as the manuals say it (SDM volume 3,
 * 4.3 to 4.5 and 29.3; APM volume 2, 5.2 to 5.4), and shares nothing with the walk.
 */
#include "cm.h"

#include "bytes_kernel.h"
#include "manual_access.h"
#include "rules/permissions.h"
#include "walk/guest_walk.h"

#include <string.h>

/* ---- a machine: the host's memory, which begins with the host's structures ---- */

#define GUEST_PA  0x40000000ULL /* of the guest's memory, which the VMM maps with a 1 GiB page */
#define HVA	  0x7f0000000000ULL
#define PAGES	  16u
#define BAD_MT_AT 80u /* after rsvd_bits_mask[2][5] */

enum { KVM = 0x1000, MM = 0x2000, PGD = 0x3000, PUD = 0x4000, WALK = 0x5000, HOST_END = 0x6000 };

static uint8_t host[HOST_END], guest[PAGES * KM_PAGE_SIZE];

static struct km_kernel kernel;
static struct km_vm vm = {.addr = BYTES_DIRECT_MAP + KVM};
static struct km_memslot slot = {.npages = PAGES, .userspace_addr = HVA};
static struct km_memslots slots = {.slots = &slot, .count = 1};

static void put(uint8_t *memory, uint64_t at, uint64_t value, size_t size)
{
	memcpy(memory + at, &value, size);
}

static int open_machine(void **state)
{
	static const struct bytes_range ranges[] = {{0, host, sizeof(host)},
						    {GUEST_PA, guest, sizeof(guest)}};
	static const struct bytes_member members[] = {
		{"kvm", "mm", {.size = 8, .elem = 8}},
		{"mm_struct", "pgd", {.size = 8, .elem = 8}},
		{"kvm_pagewalk", "fmt.rsvd_bits_mask", {.size = 80, .count = 2, .elem = 40}},
		{"kvm_pagewalk", "fmt.bad_mt_xwr", {.offset = BAD_MT_AT, .size = 8, .elem = 8}},
	};

	(void)state;
	bytes_ranges = ranges;
	bytes_range_count = ARRAY_SIZE(ranges);
	bytes_members = members;
	bytes_member_count = ARRAY_SIZE(members);
	bytes_kernel_open(&kernel);
	kernel.features.spte_table = true;
	kernel.page_offset_base = BYTES_DIRECT_MAP;
	kernel.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	put(host, KVM, BYTES_DIRECT_MAP + MM, 8);
	put(host, MM, BYTES_DIRECT_MAP + PGD, 8);
	put(host, PGD + (HVA >> 39 & 511) * 8, PUD | 7, 8);
	put(host, PUD + (HVA >> 30 & 511) * 8, GUEST_PA | 0x87, 8);
	return 0;
}

static int close_machine(void **state)
{
	(void)state;
	bare_kernel_close(&kernel);
	return 0;
}

/* ---- the manuals ---- */

#define M   40 /* MAXPHYADDR */
#define M36 36 /* with 32-bit paging: KVM gives guests PSE-36 as the first processors had it */

struct machine {
	const char *name;
	int levels;
	bool pse, nxe, gbpages, amd;
	bool ept, execonly, mbec; /* EPT: for a hypervisor in the guest */
};

enum outcome { NOT_PRESENT, RESERVED, PAGE };

struct found {
	enum outcome outcome;
	int level;	  /* of the entry that ends the walk */
	uint64_t address; /* PAGE: of the byte */
	bool r, w, u, x;  /* PAGE: in every entry; EPT: u is XU, x is X or XS */
	unsigned key;
};

static uint64_t field(uint64_t value, unsigned high, unsigned low)
{
	return value >> low & (UINT64_MAX >> (63 - (high - low)));
}

static bool any(uint64_t value, unsigned high, unsigned low)
{
	return field(value, high, low);
}

static uint64_t entry64(uint64_t at)
{
	uint64_t value;

	memcpy(&value, guest + at, sizeof(value));
	return value;
}

static uint32_t entry32(uint64_t at)
{
	uint32_t value;

	memcpy(&value, guest + at, sizeof(value));
	return value;
}

static struct found ends(enum outcome outcome, int level)
{
	return (struct found){.outcome = outcome, .level = level};
}

/* SDM 4.3, tables 4-4 to 4-6. */
static struct found paging_32_bit(const struct machine *m, uint64_t cr3, uint64_t la)
{
	uint32_t pde = entry32(field(cr3, 31, 12) << 12 | field(la, 31, 22) << 2), pte;
	struct found f = {.outcome = PAGE, .r = true, .x = true};

	if (!(pde & 1))
		return ends(NOT_PRESENT, 2);
	if (m->pse && any(pde, 7, 7)) {
		if (any(pde, 21, M36 - 19))
			return ends(RESERVED, 2);
		f.level = 2;
		f.w = any(pde, 1, 1);
		f.u = any(pde, 2, 2);
		f.address = field(pde, M36 - 20, 13) << 32 | field(pde, 31, 22) << 22 |
			    field(la, 21, 0);
		return f;
	}
	pte = entry32(field(pde, 31, 12) << 12 | field(la, 21, 12) << 2);
	if (!(pte & 1))
		return ends(NOT_PRESENT, 1);
	f.level = 1;
	f.w = any(pde, 1, 1) && any(pte, 1, 1);
	f.u = any(pde, 2, 2) && any(pte, 2, 2);
	f.address = field(pte, 31, 12) << 12 | field(la, 11, 0);
	return f;
}

/* SDM 4.4, tables 4-8 to 4-11. The PDPTEs have no rights; MOV to CR3 checks their reserved bits. */
static struct found paging_pae(const struct machine *m, uint64_t cr3, uint64_t la)
{
	uint64_t pdpte = entry64(field(cr3, 31, 5) << 5 | field(la, 31, 30) << 3), pde, pte;
	struct found f = {.outcome = PAGE, .r = true};

	if (!(pdpte & 1))
		return ends(NOT_PRESENT, 3);
	pde = entry64(field(pdpte, M - 1, 12) << 12 | field(la, 29, 21) << 3);
	if (!(pde & 1))
		return ends(NOT_PRESENT, 2);
	if (any(pde, 62, M) || (any(pde, 63, 63) && !m->nxe))
		return ends(RESERVED, 2);
	if (any(pde, 7, 7)) {
		if (any(pde, 20, 13))
			return ends(RESERVED, 2);
		f.level = 2;
		f.w = any(pde, 1, 1);
		f.u = any(pde, 2, 2);
		f.x = !any(pde, 63, 63);
		f.address = field(pde, M - 1, 21) << 21 | field(la, 20, 0);
		return f;
	}
	pte = entry64(field(pde, M - 1, 12) << 12 | field(la, 20, 12) << 3);
	if (!(pte & 1))
		return ends(NOT_PRESENT, 1);
	if (any(pte, 62, M) || (any(pte, 63, 63) && !m->nxe))
		return ends(RESERVED, 1);
	f.level = 1;
	f.w = any(pde, 1, 1) && any(pte, 1, 1);
	f.u = any(pde, 2, 2) && any(pte, 2, 2);
	f.x = !any(pde, 63, 63) && !any(pte, 63, 63);
	f.address = field(pte, M - 1, 12) << 12 | field(la, 11, 0);
	return f;
}

/* What all entries of 4-level and 5-level paging have in common; false: the walk ends. */
static bool enter(const struct machine *m, uint64_t entry, int level, struct found *f)
{
	if (!(entry & 1)) {
		*f = ends(NOT_PRESENT, level);
		return false;
	}
	if (any(entry, 51, M) || (any(entry, 63, 63) && !m->nxe)) {
		*f = ends(RESERVED, level);
		return false;
	}
	f->w = f->w && any(entry, 1, 1);
	f->u = f->u && any(entry, 2, 2);
	f->x = f->x && !any(entry, 63, 63);
	f->level = level;
	f->key = (unsigned)field(entry, 62, 59);
	return true;
}

/* Bit 7 of a PML5E and a PML4E is reserved, on AMD bit 8, too. */
static bool upper_reserved(const struct machine *m, uint64_t entry)
{
	return any(entry, 7, 7) || (m->amd && any(entry, 8, 8));
}

/* SDM 4.5, tables 4-14 to 4-20; APM 5.3. */
static struct found paging_long(const struct machine *m, uint64_t cr3, uint64_t la)
{
	struct found f = {.outcome = PAGE, .r = true, .w = true, .u = true, .x = true};
	uint64_t table = field(cr3, 51, 12) << 12, e;

	if (m->levels == 5) {
		e = entry64(table | field(la, 56, 48) << 3);
		if (!enter(m, e, 5, &f))
			return f;
		if (upper_reserved(m, e))
			return ends(RESERVED, 5);
		table = field(e, M - 1, 12) << 12;
	}
	e = entry64(table | field(la, 47, 39) << 3);
	if (!enter(m, e, 4, &f))
		return f;
	if (upper_reserved(m, e))
		return ends(RESERVED, 4);

	e = entry64(field(e, M - 1, 12) << 12 | field(la, 38, 30) << 3);
	if (!enter(m, e, 3, &f))
		return f;
	if (any(e, 7, 7)) {
		if (!m->gbpages || any(e, 29, 13))
			return ends(RESERVED, 3);
		f.address = field(e, M - 1, 30) << 30 | field(la, 29, 0);
		return f;
	}
	e = entry64(field(e, M - 1, 12) << 12 | field(la, 29, 21) << 3);
	if (!enter(m, e, 2, &f))
		return f;
	if (any(e, 7, 7)) {
		if (any(e, 20, 13))
			return ends(RESERVED, 2);
		f.address = field(e, M - 1, 21) << 21 | field(la, 20, 0);
		return f;
	}
	e = entry64(field(e, M - 1, 12) << 12 | field(la, 20, 12) << 3);
	if (enter(m, e, 1, &f))
		f.address = field(e, M - 1, 12) << 12 | field(la, 11, 0);
	return f;
}

/* SDM 29.3.2: an entry is present if one of bits 2:0 is set, with MBEC also bit 10. 29.3.3.1. */
static bool enter_ept(const struct machine *m, uint64_t entry, int level, bool page,
		      struct found *f)
{
	bool xu = m->mbec && any(entry, 10, 10);
	unsigned type = (unsigned)field(entry, 5, 3);

	if (!any(entry, 2, 0) && !xu) {
		*f = ends(NOT_PRESENT, level);
		return false;
	}
	if ((!any(entry, 0, 0) && any(entry, 1, 1)) ||
	    (!m->execonly && !any(entry, 0, 0) && (any(entry, 2, 2) || xu)) || any(entry, 51, M) ||
	    (page && (type == 2 || type == 3 || type == 7)) || (!page && any(entry, 6, 3))) {
		*f = ends(RESERVED, level);
		return false;
	}
	f->r = f->r && any(entry, 0, 0);
	f->w = f->w && any(entry, 1, 1);
	f->x = f->x && any(entry, 2, 2);
	f->u = f->u && any(entry, 10, 10);
	f->level = level;
	return true;
}

/* SDM 29.3.2, tables 29-1 to 29-6. */
static struct found paging_ept(const struct machine *m, uint64_t eptp, uint64_t gpa)
{
	struct found f = {.outcome = PAGE, .r = true, .w = true, .u = true, .x = true};
	uint64_t e = entry64(field(eptp, M - 1, 12) << 12 | field(gpa, 47, 39) << 3);

	if (!enter_ept(m, e, 4, false, &f))
		return f;
	if (any(e, 7, 7))
		return ends(RESERVED, 4);
	e = entry64(field(e, M - 1, 12) << 12 | field(gpa, 38, 30) << 3);
	if (!enter_ept(m, e, 3, any(e, 7, 7), &f))
		return f;
	if (any(e, 7, 7)) {
		if (!m->gbpages || any(e, 29, 12))
			return ends(RESERVED, 3);
		f.address = field(e, M - 1, 30) << 30 | field(gpa, 29, 0);
		return f;
	}
	e = entry64(field(e, M - 1, 12) << 12 | field(gpa, 29, 21) << 3);
	if (!enter_ept(m, e, 2, any(e, 7, 7), &f))
		return f;
	if (any(e, 7, 7)) {
		if (any(e, 20, 12))
			return ends(RESERVED, 2);
		f.address = field(e, M - 1, 21) << 21 | field(gpa, 20, 0);
		return f;
	}
	e = entry64(field(e, M - 1, 12) << 12 | field(gpa, 20, 12) << 3);
	if (enter_ept(m, e, 1, true, &f))
		f.address = field(e, M - 1, 12) << 12 | field(gpa, 11, 0);
	return f;
}

static struct found manual_walk(const struct machine *m, uint64_t root, uint64_t address)
{
	if (m->ept)
		return paging_ept(m, root, address);
	if (m->levels == 2)
		return paging_32_bit(m, root, address);
	return m->levels == 3 ? paging_pae(m, root, address) : paging_long(m, root, address);
}

/* ---- what KVM keeps of the reserved bits: reset_guest_rsvds_bits_mask() and for EPT ---- */

static uint64_t mask(unsigned high, unsigned low)
{
	return (UINT64_MAX >> (63 - (high - low))) << low;
}

static void store_reserved_bits(const struct machine *m)
{
	uint64_t high = mask(m->levels == 3 ? 62 : 51, M) | (m->nxe ? 0 : KM_BIT(63));
	uint64_t bits[2][5] = {{0}}, bad = 0;

	if (m->ept)
		high = mask(51, M);
	for (int level = 0; level < 5 && m->levels > 2; level++) {
		bool upper = level > 2;

		bits[0][level] = bits[1][level] = high;
		if (upper)
			bits[0][level] |= KM_BIT(7) | (m->amd && !m->ept ? KM_BIT(8) : 0);
		if (m->ept && level)
			bits[0][level] |= mask(6, 3);
		if (upper)
			bits[1][level] = bits[0][level];
		else if (level)
			bits[1][level] |= mask(11 + 9 * (unsigned)level, m->ept ? 12 : 13);
		if (level == 2 && !m->gbpages)
			bits[1][level] |= KM_BIT(7);
	}
	if (m->levels == 2 && m->pse)
		bits[1][1] = mask(21, 17);
	if (m->levels == 3)
		bits[0][2] = mask(63, M) | mask(8, 5) | mask(2, 1);
	for (unsigned type_and_xwr = 0; m->ept && type_and_xwr < 64; type_and_xwr++) {
		unsigned type = type_and_xwr >> 3, xwr = type_and_xwr & 7;

		if (type == 2 || type == 3 || type == 7 || xwr == 2 || xwr == 6 ||
		    (xwr == 4 && !m->execonly))
			bad |= KM_BIT(type_and_xwr);
	}
	memcpy(host + WALK, bits, sizeof(bits));
	put(host, WALK + BAD_MT_AT, bad, 8);
}

/* ---- tables with every kind of entry; the address chooses among them ---- */

#define ENTRIES 160 /* at most, of a table */

static unsigned kinds[KM_GUEST_LEVELS + 1]; /* how many entries the table of a level has */

/* The table of a level; the root of PAE is not at the beginning of a page. */
static uint64_t table_of(const struct machine *m, int level)
{
	return (uint64_t)level * KM_PAGE_SIZE + (m->levels == 3 && level == 3 ? 0x20 : 0);
}

/* CR3 or EPTP, with the bits that do not belong to the address of the first table. */
static uint64_t root_of(const struct machine *m)
{
	uint64_t root = table_of(m, m->levels) | 0x18;

	return m->levels < 4 ? root | 0xa500000000 : root;
}

static void add(const struct machine *m, int level, uint64_t entry)
{
	size_t size = m->levels == 2 ? 4 : 8;

	assert_true(kinds[level] < ENTRIES);
	put(guest, table_of(m, level) + kinds[level]++ * size, entry, size);
}

/* Address bits of a page, other ones for each entry, and aligned to 2^@size. */
static uint64_t page_bits(int level, unsigned size)
{
	return (kinds[level] + 1) * 0x9e3779b97f4a7c15ULL & mask(M - 1, size);
}

/* W, U and XD in all combinations. */
static uint64_t rights(unsigned combination)
{
	return 1 | (combination & 3) << 1 | (combination & 4 ? KM_BIT(63) : 0);
}

/* Without PSE, bit 7 of a PDE is ignored: it points to a table. */
static void fill_32_bit(const struct machine *m)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t page = page_bits(1, 12) & mask(31, 12);

		add(m, 1, page | rights(i));
		add(m, 1, page | rights(i) | 0xff8);
		add(m, 2, table_of(m, 1) | rights(i) | 0xe78);
		add(m, 2, table_of(m, 1) | rights(i) | 0xfe0);
		if (m->pse)
			add(m, 2,
			    (page_bits(2, 22) & mask(31, 22)) | mask(16, 13) | 0x80 | rights(i));
	}
	for (unsigned bit = 12; bit < 22 && m->pse; bit++)
		add(m, 2, (page_bits(2, 22) & mask(31, 22)) | KM_BIT(bit) | 0x81);
	add(m, 2, 0xfffffffe);
	add(m, 1, 0xfffffffe);
}

static void fill_level(const struct machine *m, int level, bool all)
{
	uint64_t table = level > 1 ? table_of(m, level - 1) : 0;
	unsigned size = 12 + 9 * (unsigned)(level > 3 ? 0 : level - 1);
	uint64_t ignored = m->levels == 3 ? 0 : 0x0150000000000000;
	uint64_t key = m->levels == 3 ? 0 : KM_BIT(59);

	for (unsigned i = 0; i < 8; i++) {
		uint64_t page = page_bits(level, size) | key * ((i * 5 + 1) & 15);

		if (level == 1) {
			add(m, 1, page | rights(i));
			continue;
		}
		add(m, level, table | ignored | rights(i));
		if (level <= 3 || !i)
			add(m, level, page | KM_BIT(7) | rights(i));
	}
	add(m, level, UINT64_MAX - 1);
	add(m, level, table | KM_BIT(M) | 7);
	add(m, level, table | KM_BIT(51) | 7);
	add(m, level, table | KM_BIT(13) | 0x87);
	if (!all)
		return;
	add(m, level, table | KM_BIT(8) | 7);
	add(m, level, table | KM_BIT(52) | 7);
	add(m, level, table | 0xe7f);
	add(m, level, table | KM_BIT(size) >> 1 | 0x87);
	add(m, level, table | KM_BIT(12) | 0x87); /* the PAT bit of a large page */
}

static void fill_ept_level(const struct machine *m, int level)
{
	uint64_t table = level > 1 ? table_of(m, level - 1) : 0;
	unsigned size = 12 + 9 * (unsigned)(level > 3 ? 0 : level - 1);

	for (unsigned i = 0; i < 16; i++) {
		uint64_t xwr = (i & 7) | (i & 8 ? KM_BIT(10) : 0);

		if (level > 1)
			add(m, level, table | xwr | 0xf000000000000b00);
		if (level < 4)
			add(m, level, page_bits(level, size) | (level > 1) * 0x80 | 0x30 | xwr);
	}
	for (unsigned type = 0; type < 8; type++) {
		add(m, level, page_bits(level, size) | (level > 1) * 0x80 | type << 3 | 7);
		add(m, level, page_bits(level, size) | (level > 1) * 0x80 | type << 3 | 5);
	}
	for (unsigned bit = 3; bit < 8; bit++)
		add(m, level, table | KM_BIT(bit) | 7);
	add(m, level, table | KM_BIT(M) | 7);
	add(m, level, table | KM_BIT(12) | 0xb7);
	add(m, level, table | KM_BIT(size) >> 1 | 0xb7);
}

static void fill(const struct machine *m)
{
	memset(guest, 0, sizeof(guest));
	memset(kinds, 0, sizeof(kinds));
	store_reserved_bits(m);
	km_memory_forget(kernel.mem);
	if (m->levels == 2) {
		fill_32_bit(m);
		return;
	}
	for (int level = 1; level <= m->levels; level++) {
		if (m->ept)
			fill_ept_level(m, level);
		else if (m->levels != 3 || level != 3)
			fill_level(m, level, m->levels < 5);
	}
	if (m->levels == 3) {
		add(m, 3, table_of(m, 2) | 1);
		add(m, 3, table_of(m, 2) | 0xe19);
		/* they are not looked at again after MOV to CR3 */
		add(m, 3, table_of(m, 2) | 0x7);
		add(m, 3, UINT64_MAX - 1);
		add(m, 3, 0);
	}
}

/* ---- the comparison ---- */

static unsigned long walked, accesses, pages, reserved;

/* The registers that decide on an access; the permission tables that KVM makes of them. */
struct registers {
	struct mode mode;
	uint16_t words[2][KM_PERM_WORDS]; /* by format */
	uint32_t pkru_mask;
};

static struct registers all_registers[2 * 2 * 3 * 4];

static void make_registers(const struct machine *m)
{
	static const uint32_t pkrus[] = {0, 0x55555555, 0xaaaaaaaa, 0x2d8764e1};

	for (unsigned i = 0; i < ARRAY_SIZE(all_registers); i++) {
		struct registers *r = &all_registers[i];
		unsigned smap = i / 4 % 3, key = i / 12;

		r->mode = (struct mode){i & 1, m->nxe, i & 2, smap, key, smap == 2, pkrus[key]};
		for (int format = KM_ACC_UWX; format <= KM_ACC_RWUX; format++) {
			struct km_perm_inputs in = {.format = format,
						    .cr4_smep = r->mode.smep,
						    .cr4_smap = r->mode.smap,
						    .cr0_wp = r->mode.wp,
						    .efer_nx = r->mode.nxe};

			km_update_permission_bitmask(&in, r->words[format]);
		}
		r->pkru_mask = km_update_pkru_bitmask(r->mode.pke, r->mode.wp);
	}
}

/* SDM 4.6: the page that a walk found. */
static void compare_accesses(const struct machine *m, const struct found *f,
			     const struct km_guest_walk *walk)
{
	bool long_mode = m->levels >= 4;
	struct page page = {f->w, f->u, f->x, f->key};

	for (unsigned i = 0; i < ARRAY_SIZE(all_registers) * 6; i++) {
		const struct registers *r = &all_registers[i / 6];
		enum km_acc_format format = i & 1 ? KM_ACC_RWUX : KM_ACC_UWX;
		struct km_guest_access in = {.words = r->words[format],
					     .format = format,
					     .pkru_mask = long_mode ? r->pkru_mask : 0,
					     .acc = walk->access,
					     .pkey = km_guest_pkey(walk),
					     .ac_known = true,
					     .ac = r->mode.ac,
					     .pkru_known = true,
					     .pkru = r->mode.pkru};
		enum kind kind = i % 3;
		bool user = i / 3 & 1, may, pk;
		uint64_t pfec = (kind == WRITE	 ? PFERR_WRITE_MASK
				 : kind == FETCH ? PFERR_FETCH_MASK
						 : 0) |
				(user ? PFERR_USER_MASK : 0);

		may = user ? user_may(&r->mode, &page, kind)
			   : supervisor_may(&r->mode, &page, kind);
		if (long_mode)
			may = may && key_allows(&r->mode, &page, kind, user);
		if (km_permission_fault(&in, pfec, &pk) !=
		    (may ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS))
			fail_msg("%s: entry %#llx, registers %u, access %u", m->name,
				 (unsigned long long)walk->pte, i / 6, i % 6);
		accesses++;
	}
}

/* SDM 29.3.3.2: each kind of access needs a right in every entry. */
static void compare_ept_accesses(const struct machine *m, const struct found *f,
				 const struct km_guest_walk *walk)
{
	struct km_perm_inputs in = {
		.format = KM_ACC_RWUX, .tdp = true, .ept = true, .cr4_smep = m->mbec};
	struct km_guest_access access = {
		.format = KM_ACC_RWUX, .ept = true, .acc = walk->access, .ac_known = true};
	uint16_t words[KM_PERM_WORDS];
	bool pk;

	km_update_permission_bitmask(&in, words);
	access.words = words;
	for (unsigned user = 0; user < 2; user++) {
		uint64_t pfec = user ? PFERR_USER_MASK : 0;
		bool x = m->mbec && user ? f->u : f->x;

		assert_int_equal(km_permission_fault(&access, pfec, &pk),
				 f->r ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
		assert_int_equal(km_permission_fault(&access, pfec | PFERR_WRITE_MASK, &pk),
				 f->w ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
		assert_int_equal(km_permission_fault(&access, pfec | PFERR_FETCH_MASK, &pk),
				 x ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
		accesses += 3;
	}
	if (m->mbec)
		return;
	/* before 7.2, U of the error code means a read */
	in.format = access.format = KM_ACC_UWX;
	km_update_permission_bitmask(&in, words);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK, &pk),
			 f->r ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
	assert_int_equal(km_permission_fault(&access, PFERR_WRITE_MASK, &pk),
			 f->w ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
	assert_int_equal(km_permission_fault(&access, PFERR_FETCH_MASK, &pk),
			 f->x ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
	accesses += 3;
}

static struct km_pagewalk pagewalk_of(const struct machine *m)
{
	struct km_pagewalk w = {
		.name = "gva_walk", .addr = BYTES_DIRECT_MAP + WALK, .role_known = true};

	w.cpu_role.base.level = (uint8_t)m->levels;
	w.cpu_role.base.has_4_byte_gpte = m->levels == 2;
	w.cpu_role.base.cr4_smep = m->mbec;
	w.cpu_role.ext.cr4_pse = m->pse;
	return w;
}

static void compare_walk(const struct machine *m, const struct found *f, uint64_t address)
{
	struct km_pagewalk w = pagewalk_of(m);
	struct km_guest_tables tables = {.w = &w, .root = km_known_val(root_of(m)), .ept = m->ept};
	struct km_guest_walk walk;
	km_error *err = km_guest_walk_tables(&kernel, &vm, &slots, &tables, address, &walk);

	assert_null(err);
	walked++;
	if (walk.end != (f->outcome == PAGE ? KM_GUEST_MAPPED : KM_GUEST_FAULTS) ||
	    walk.level != f->level || walk.reserved != (f->outcome == RESERVED))
		fail_msg("%s: address %#llx, entry %#llx: %d at level %d, but: %s", m->name,
			 (unsigned long long)address, (unsigned long long)walk.pte, f->outcome,
			 f->level, walk.why);
	reserved += f->outcome == RESERVED;
	if (f->outcome != PAGE)
		return;
	pages++;
	assert_int_equal(walk.gfn, f->address >> KM_PAGE_SHIFT);
	if (m->ept)
		compare_ept_accesses(m, f, &walk);
	else
		compare_accesses(m, f, &walk);
}

/* Compare the walks that end at @level or below, of which the indexes above are in @address. */
static void descend(const struct machine *m, int level, uint64_t address)
{
	unsigned shift = 12 + (m->levels == 2 ? 10 : 9) * (unsigned)(level - 1);

	for (uint64_t i = 0; i < kinds[level]; i++) {
		uint64_t here = address | i << shift;
		uint64_t below = 0x0123456789abcdefULL & mask(shift - 1, 0);
		struct found f = manual_walk(m, root_of(m), here);

		if (f.level < level) {
			descend(m, level - 1, here);
			continue;
		}
		f = manual_walk(m, root_of(m), here | below);
		assert_int_equal(f.level, level);
		compare_walk(m, &f, here | below);
	}
}

static void compare_machine(const struct machine *m)
{
	unsigned long before = walked, pages_before = pages, reserved_before = reserved;

	fill(m);
	make_registers(m);
	descend(m, m->levels, 0);
	assert_true(walked > before && pages > pages_before);
	if (m->levels > 2)
		assert_true(reserved > reserved_before);
	print_message("%s: %lu walks, %lu end at a page, %lu at reserved bits\n", m->name,
		      walked - before, pages - pages_before, reserved - reserved_before);
}

static void test_paging_32_bit(void **state)
{
	(void)state;
	compare_machine(&(struct machine){.name = "32-bit", .levels = 2});
	compare_machine(&(struct machine){.name = "32-bit, PSE", .levels = 2, .pse = true});
}

static void test_paging_pae(void **state)
{
	(void)state;
	compare_machine(&(struct machine){.name = "PAE", .levels = 3});
	compare_machine(&(struct machine){.name = "PAE, NXE", .levels = 3, .nxe = true});
}

static void test_paging_4_level(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		compare_machine(&(struct machine){.name = "4-level",
						  .levels = 4,
						  .nxe = i & 1,
						  .gbpages = i & 2,
						  .amd = i & 4});
}

static void test_paging_5_level(void **state)
{
	(void)state;
	compare_machine(&(struct machine){
		.name = "5-level, NXE", .levels = 5, .nxe = true, .gbpages = true});
	compare_machine(&(struct machine){.name = "5-level", .levels = 5, .amd = true});
}

static void test_paging_ept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		compare_machine(&(struct machine){.name = "EPT",
						  .levels = 4,
						  .ept = true,
						  .execonly = i & 1,
						  .mbec = i & 2,
						  .gbpages = i & 4});
}

/*
 * A nested guest with page tables of its own: their addresses are translated by the nested tables,
 * whose rights KVM does not ask for. The gfn at the end is one of the nested guest.
 */
static void test_tables_of_a_nested_guest(void **state)
{
	struct machine m = {.name = "nested", .levels = 4, .nxe = true, .gbpages = true};
	const uint64_t la = 0x7f1234567abcULL, moved = 0x7654321000, page = 0x123456000;
	struct km_pagewalk w = pagewalk_of(&m);
	struct km_guest_tables nested = {.w = &w, .root = km_known_val(8 * KM_PAGE_SIZE)};
	struct km_guest_tables tables = {
		.w = &w, .root = km_known_val(moved + 4 * KM_PAGE_SIZE), .outer = &nested};
	struct km_guest_walk walk;

	(void)state;
	memset(guest, 0, sizeof(guest));
	memset(kinds, 0, sizeof(kinds));
	store_reserved_bits(&m);
	/* the nested guest's tables at pages 1 to 4, where it has them from @moved on */
	for (unsigned level = 1; level <= 4; level++) {
		uint64_t index = field(la, 20 + 9 * (level - 1), 12 + 9 * (level - 1));
		uint64_t next = level > 1 ? moved + (uint64_t)(level - 1) * KM_PAGE_SIZE : page;

		put(guest, (uint64_t)level * KM_PAGE_SIZE + index * 8, next | 7, 8);
		/* the nested tables at pages 5 to 8: read-only, supervisor */
		index = field(moved, 20 + 9 * (level - 1), 12 + 9 * (level - 1));
		for (unsigned i = 0; level == 1 && i < 5; i++)
			put(guest, 5 * KM_PAGE_SIZE + (index + i) * 8, i * KM_PAGE_SIZE | 1, 8);
		if (level > 1)
			put(guest, (4 + level) * KM_PAGE_SIZE + index * 8,
			    (3 + level) * KM_PAGE_SIZE | 1, 8);
	}
	for (unsigned i = 0; i < 5; i++) {
		uint64_t at = 5 * KM_PAGE_SIZE + (field(moved, 20, 12) + i) * 8;

		km_memory_forget(kernel.mem);
		assert_null(km_guest_walk_tables(&kernel, &vm, &slots, &tables, la, &walk));
		assert_int_equal(walk.end, KM_GUEST_MAPPED);
		assert_int_equal(walk.gfn, page >> KM_PAGE_SHIFT);
		assert_int_equal(walk.access, KM_GUEST_ALL_ACCESS);
		/* without the translation of the table of level @i, the walk ends there */
		put(guest, at, i * KM_PAGE_SIZE, 8);
		km_memory_forget(kernel.mem);
		assert_null(km_guest_walk_tables(&kernel, &vm, &slots, &tables, la, &walk));
		assert_int_equal(walk.end, i ? KM_GUEST_FAULTS : KM_GUEST_MAPPED);
		assert_int_equal(walk.level, i ? (int)i : 1);
		assert_int_equal(!!strstr(walk.why, "hypervisor in the guest"), !!i);
		put(guest, at, i * KM_PAGE_SIZE | 1, 8);
	}
}

static void test_how_many(void **state)
{
	(void)state;
	assert_true(walked > 450000 && pages > 250000 && reserved > 100000);
	assert_true(accesses > 30000000);
	print_message("%lu walks, %lu accesses\n", walked, accesses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paging_32_bit),
		cmocka_unit_test(test_paging_pae),
		cmocka_unit_test(test_paging_4_level),
		cmocka_unit_test(test_paging_5_level),
		cmocka_unit_test(test_paging_ept),
		cmocka_unit_test(test_tables_of_a_nested_guest),
		cmocka_unit_test(test_how_many),
	};

	return cmocka_run_group_tests_name("guest_walk", tests, open_machine, close_machine);
}
