// SPDX-License-Identifier: GPL-2.0-or-later
/* compare ROUNDS SEED: compare our rules with the kernel's functions, exhaustively if possible. */
#include "oracle.h"

#include "rules/fast_page_fault.h"
#include "rules/guest_access.h"
#include "rules/permissions.h"
#include "rules/role.h"
#include "rules/spte.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long comparisons, differences;
static unsigned long long fast_outcomes[KM_FAST_FIXED + 1]; /* by km_fast_step */

#define SAME(kernel, ours, fmt, ...) same(#ours, kernel, ours, fmt, __VA_ARGS__)

static __attribute__((format(printf, 4, 5))) void same(const char *what, uint64_t kernel,
						       uint64_t ours, const char *fmt, ...)
{
	va_list ap;

	comparisons++;
	if (kernel == ours || ++differences > 20)
		return;
	printf("kernel %#" PRIx64 ", we %#" PRIx64 " for %s: ", kernel, ours, what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* --- random numbers (splitmix64) --- */

static uint64_t chance_state;

static uint64_t chance(void)
{
	uint64_t z = chance_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Few bits, many bits, or half of them. */
static uint64_t chance_bits(void)
{
	switch (chance() % 6) {
	case 0:
		return chance() & chance() & chance();
	case 1:
		return chance() | chance() | chance();
	case 2:
		return 1ULL << chance() % 64;
	case 3:
		return ~(1ULL << chance() % 64);
	default:
		return chance();
	}
}

/* --- masks --- */

static enum km_spte_generation generation(void)
{
	if (oracle_gen < 513)
		return KM_SPTE_5_10;
	if (oracle_gen < 702)
		return oracle_gen < 612 ? KM_SPTE_6_1 : KM_SPTE_6_12;
	return KM_SPTE_7_2;
}

static struct oracle_masks oracle_masks_of(const struct km_spte_masks *m)
{
	return (struct oracle_masks){
		.host_writable = m->host_writable,
		.mmu_writable = m->mmu_writable,
		.nx = m->nx,
		.user = m->user,
		.x = m->x,
		.xu = m->xu,
		.accessed = m->accessed,
		.dirty = m->dirty,
		.present = m->present,
		.mmio_value = m->mmio_value,
		.mmio_mask = m->mmio_mask,
		.mmio_access = m->mmio_access,
		.me_value = m->me_value,
		.me_mask = m->me_mask,
		.acc_track = m->acc_track,
		.nonpresent_or_rsvd = m->nonpresent_or_rsvd,
		.nonpresent_or_rsvd_lower_gfn = m->nonpresent_or_rsvd_lower_gfn,
		.physical_mask = m->base_addr_mask | 0xfff,
		.ad_enabled = m->ad_enabled,
		.mmio_caching = m->mmio_caching,
	};
}

/* Machine number @n: real configurations, then random ones. */
static struct km_spte_masks machine(unsigned n)
{
	struct km_spte_masks m =
		km_spte_default_masks(n % 2 ? KM_PAGING_NPT : KM_PAGING_EPT, generation());

	switch (n / 2) {
	case 0:
		break;
	case 1: /* L1TF: 46 bits of cache address */
		m.nonpresent_or_rsvd = 0x1fULL << 41;
		m.nonpresent_or_rsvd_lower_gfn = (1ULL << 41) - 4096;
		break;
	case 2: /* memory encryption */
		m.me_value = m.me_mask = 1ULL << 47;
		m.base_addr_mask &= ~m.me_mask;
		break;
	case 3: /* no A/D bits */
		m.ad_enabled = false;
		if (generation() < KM_SPTE_7_2)
			m.accessed = m.dirty = 0;
		break;
	case 4: /* no MMIO caching */
		m.mmio_caching = false;
		m.mmio_value = m.mmio_mask = 0;
		break;
	case 5: /* a VM with its own shadow_mmio_value */
		m.mmio_value = 0;
		break;
	default:
		m.nx = n % 2 ? chance_bits() : 0;
		m.user = chance_bits();
		m.x = chance_bits();
		m.xu = chance_bits();
		m.accessed = chance() % 3 ? chance_bits() : 0;
		m.dirty = chance() % 3 ? chance_bits() : 0;
		m.acc_track = chance_bits() & chance_bits();
		m.ad_enabled = chance() % 2;
		m.mmio_mask = chance_bits() & chance_bits() & chance_bits();
		m.mmio_value = m.mmio_mask & chance_bits();
		m.mmio_access = (uint32_t)chance_bits();
		m.nonpresent_or_rsvd = chance_bits();
		m.nonpresent_or_rsvd_lower_gfn = chance_bits();
		m.base_addr_mask = chance_bits() & ~0xfffULL;
	}
	/* as in kernel_open.c: generations without XU */
	if (!m.layout->xs_xu)
		m.xu = 0;
	if (generation() < KM_SPTE_7_2)
		m.ad_enabled = m.accessed; /* kvm_ad_enabled() */
	if (m.layout->mmio_special_only) {
		m.mmio_caching = true; /* there is no such variable */
		km_spte_masks_set_mmio_special(&m);
	}
	return m;
}

static void compare_default_masks(void)
{
	for (int paging = KM_PAGING_EPT; paging <= KM_PAGING_SHADOW; paging++) {
		bool ept = paging == KM_PAGING_EPT;
		struct km_spte_masks ours = km_spte_default_masks(paging, generation());
		struct oracle_masks m = oracle_masks_of(&ours), k;

		/* below bit 51, so that a reserved bit is left for MMIO */
		oracle_default_masks(ept, ept ? 52 : 51, &k);
#define MASK(name) SAME(k.name, m.name, "paging %d", paging)
		MASK(host_writable);
		MASK(mmu_writable);
		MASK(nx);
		MASK(user);
		MASK(x);
		MASK(xu);
		MASK(accessed);
		MASK(dirty);
		MASK(present);
		MASK(mmio_value);
		MASK(mmio_mask);
		MASK(mmio_access);
		MASK(me_value);
		MASK(me_mask);
		MASK(acc_track);
		MASK(nonpresent_or_rsvd);
		MASK(nonpresent_or_rsvd_lower_gfn);
		MASK(physical_mask);
		MASK(ad_enabled);
		MASK(mmio_caching);
#undef MASK
	}
}

/* --- roles and permission tables --- */

/* The field that the kernel calls @theirs is @ours. */
static bool is_field(const char *theirs, const char *ours)
{
	/* efer_nx before 5.14 */
	return !strcmp(theirs, ours) || (!strcmp(theirs, "nxe") && !strcmp(ours, "efer_nx"));
}

static struct km_bitfield field_of(const struct oracle_field *fields, const char *name)
{
	for (; fields->name; fields++) {
		if (is_field(fields->name, name)) {
			uint32_t mask = fields->mask();

			return (struct km_bitfield){__builtin_ctz(mask), __builtin_popcount(mask)};
		}
	}
	return (struct km_bitfield){0, 0};
}

static struct km_page_role_layout page_layout(void)
{
#define FIELD(name) .name = field_of(oracle_page_fields, #name),
	return (struct km_page_role_layout){KM_PAGE_ROLE_FIELDS(FIELD)};
}

static struct km_ext_role_layout ext_layout(void)
{
#undef FIELD
#define FIELD(name) .name = field_of(oracle_ext_fields, #name),
	return (struct km_ext_role_layout){KM_EXT_ROLE_FIELDS(FIELD)};
#undef FIELD
}

struct spelled {
	const struct oracle_field *next;
	uint32_t word;
};

static void spelled_like_the_kernel(void *ctx, const char *name, unsigned value)
{
	struct spelled *spelled = ctx;

	if (!spelled->next->name) {
		SAME(0, 1, "%s is one field too many", name);
		return;
	}
	SAME(1, is_field(spelled->next->name, name), "%s for %s", name, spelled->next->name);
	SAME(spelled->next->get(spelled->word), value, "%s of %#x", name, spelled->word);
	spelled->next++;
}

static void compare_roles(unsigned long rounds)
{
	const struct km_page_role_layout page = page_layout();
	const struct km_ext_role_layout ext = ext_layout();

	for (unsigned long i = 0; i < rounds / 50; i++) {
		uint32_t word = (uint32_t)chance_bits();
		struct spelled spelled = {oracle_page_fields, word};
		struct km_page_role p = km_page_role_decode(&page, word);
		struct km_ext_role e = km_ext_role_decode(&ext, word);

		/* all fields, in the order of the kernel's declaration */
		km_page_role_spell(&page, word, spelled_like_the_kernel, &spelled);
		SAME(0, !!spelled.next->name, "role %#x", word);
		spelled = (struct spelled){oracle_ext_fields, word};
		km_ext_role_spell(&ext, word, spelled_like_the_kernel, &spelled);
		SAME(0, !!spelled.next->name, "extended role %#x", word);

#define FIELD(f)                                                                                   \
	for (const struct oracle_field *k = oracle_page_fields; k->name; k++)                      \
		if (is_field(k->name, #f))                                                         \
			SAME(k->get(word), p.f, "%#x", word);
		KM_PAGE_ROLE_FIELDS(FIELD)
#undef FIELD
#define FIELD(f)                                                                                   \
	for (const struct oracle_field *k = oracle_ext_fields; k->name; k++)                       \
		if (is_field(k->name, #f))                                                         \
			SAME(k->get(word), e.f, "%#x", word);
		KM_EXT_ROLE_FIELDS(FIELD)
#undef FIELD
	}
}

static uint32_t bits_of(struct km_bitfield field)
{
	return field.width ? ((1ULL << field.width) - 1) << field.shift : 0;
}

static void put(uint32_t *word, struct km_bitfield field, bool value)
{
	*word &= ~bits_of(field);
	if (value)
		*word |= bits_of(field);
}

/* All values of the relevant bits, in words whose other bits are random. */
static void compare_tables(unsigned long rounds)
{
	const enum km_acc_format format = oracle_has_r ? KM_ACC_RWUX : KM_ACC_UWX;
	const struct km_page_role_layout page = page_layout();
	const struct km_ext_role_layout ext = ext_layout();

	for (unsigned long i = 0; i < 128 * (1 + rounds / 5000); i++) {
		bool smep = i & 1, tdp = i & 32, ept = i & 64;
		uint32_t base = (uint32_t)chance_bits(), extended = (uint32_t)chance_bits();
		uint16_t kernel[KM_PERM_WORDS], ours[KM_PERM_WORDS];
		struct km_cpu_role role;
		struct km_perm_inputs in;
		uint32_t pkru;

		put(&base, page.cr4_smep, smep);
		put(&extended, ext.cr4_smep, smep);
		put(&extended, ext.cr4_smap, i & 2);
		put(&base, page.cr0_wp, i & 4);
		put(&base, page.efer_nx, i & 8);
		put(&extended, ext.cr4_pke, i & 16);
		role.base = km_page_role_decode(&page, base);
		role.ext = km_ext_role_decode(&ext, extended);
		/* the glue takes the level for that of the guest; root_level is 0 without paging */
		if (oracle_gen < 519)
			km_cpu_role_of_one_role(&role, role.ext.cr0_pg ? role.base.level : 0);

		oracle_guest_table(base, extended, tdp, ept, kernel, &pkru);
		in = km_guest_perm_inputs(format, &role, tdp, ept);
		km_update_permission_bitmask(&in, ours);
		for (int w = 0; w < KM_PERM_WORDS; w++)
			SAME(kernel[w], ours[w], "word %d, tdp %d, ept %d, role %#x %#x", w, tdp,
			     ept, base, extended);
		SAME(pkru,
		     km_update_pkru_bitmask(km_cpu_role_cr4_pke(&role, ext.efer_lma.width),
					    role.base.cr0_wp),
		     "role %#x %#x", base, extended);

		if (!oracle_has_spf)
			continue;
		oracle_spte_table(base, tdp, ept, kernel);
		in = km_spte_perm_inputs(format, &role.base, tdp, ept);
		km_update_permission_bitmask(&in, ours);
		for (int w = 0; w < KM_PERM_WORDS; w++)
			SAME(kernel[w], ours[w], "SPTE word %d, tdp %d, ept %d, role %#x", w, tdp,
			     ept, base);
	}
}

/* --- single entries --- */

static void compare_permission_fault(const struct km_spte_masks *m, uint64_t spte)
{
	static const uint64_t others[] = {
		0,
		PFERR_GUEST_FINAL_MASK,
		PFERR_GUEST_PAGE_MASK | PFERR_PRIVATE_ACCESS,
		PFERR_PK_MASK,
		PFERR_SS_MASK,
		PFERR_SGX_MASK,
		PFERR_GUEST_RMP_MASK | PFERR_GUEST_ENC_MASK,
		~0x1fULL,
	};
	uint64_t error_code = (chance() & 0x1f) | others[chance() % 8];
	uint16_t words[KM_PERM_WORDS];
	struct km_spf spf;

	for (int i = 0; i < KM_PERM_WORDS; i++)
		words[i] = (uint16_t)chance();
	spf = km_spte_permission_fault(m, words, spte, error_code, KM_SPF_MERGED);
	SAME(oracle_spte_permission_fault(words, spte, error_code), spf.denied,
	     "spte %#" PRIx64 ", error code %#" PRIx64, spte, error_code);
	SAME(0, spf.out_of_range, "error code %#" PRIx64, error_code);

	/* past the table, the kernel reads other memory */
	spf = km_spte_permission_fault(m, words, spte, error_code, KM_SPF_V1);
	if (oracle_is_shadow_present(spte) && (uint32_t)error_code > 0x1f)
		SAME(1, spf.out_of_range, "error code %#" PRIx64, error_code);
	else
		SAME(oracle_spte_permission_fault_v1(words, spte, error_code), spf.denied,
		     "spte %#" PRIx64 ", error code %#" PRIx64 " (v1)", spte, error_code);
}

/* What is not known leaves the ruling open exactly if it decides. */
static void compare_unknown(struct km_guest_access in, uint64_t pfec)
{
	enum km_guest_ruling with[2], open;
	bool pk, differ;

	for (int i = 0; i < 2; i++) {
		in.ac = i;
		with[i] = km_permission_fault(&in, pfec, &pk);
	}
	in.ac_known = false;
	open = km_permission_fault(&in, pfec, &pk);
	differ = (in.words[(pfec & 0x16) >> 1] ^ in.words[(pfec & 0x16) >> 1 | 4]) & 1u << in.acc;
	if (oracle_has_r)
		SAME(differ, open == KM_GUEST_NEEDS_AC, "access %#" PRIx64 ", acc %u", pfec,
		     in.acc);
	if (open != KM_GUEST_NEEDS_AC)
		SAME(with[0], with[1], "access %#" PRIx64 ", acc %u", pfec, in.acc);
}

static void compare_guest_access(void)
{
	static const uint64_t accesses[] = {0,
					    PFERR_WRITE_MASK,
					    PFERR_FETCH_MASK,
					    PFERR_USER_MASK,
					    PFERR_USER_MASK | PFERR_WRITE_MASK,
					    PFERR_USER_MASK | PFERR_FETCH_MASK};
	uint64_t pfec = accesses[chance() % 6];
	uint16_t words[KM_PERM_WORDS];
	struct km_guest_access in = {.words = words,
				     .format = oracle_has_r ? KM_ACC_RWUX : KM_ACC_UWX,
				     .acc = chance() & 15,
				     .pkey = chance() & 15,
				     .ac_known = true,
				     .ac = chance() & 1,
				     .pkru_known = true,
				     .pkru = (uint32_t)chance(),
				     .pkru_mask = chance() & 1 ? (uint32_t)chance() : 0};
	struct oracle_guest_access kernel = {.pkru_mask = in.pkru_mask,
					     .pkru = in.pkru,
					     .pkey = in.pkey,
					     .ac = in.ac,
					     .pfec = pfec,
					     .acc = in.acc};
	unsigned code;
	bool pk;

	for (int i = 0; i < KM_PERM_WORDS; i++)
		words[i] = (uint16_t)chance();
	if (!oracle_has_r)
		kernel.acc = (in.acc & ACC_EXEC_MASK ? ACC_UWX_EXEC_MASK : 0) |
			     (in.acc & ACC_WRITE_MASK ? ACC_UWX_WRITE_MASK : 0) |
			     (in.acc & ACC_USER_MASK ? ACC_UWX_USER_MASK : 0);
	code = oracle_permission_fault(words, &kernel);
	SAME(!!code, km_permission_fault(&in, pfec, &pk) == KM_GUEST_FORBIDS,
	     "access %#" PRIx64 ", acc %u, pkey %u", pfec, in.acc, in.pkey);
	SAME(!!(code & PFERR_PK_MASK), pk, "access %#" PRIx64 ", acc %u, pkey %u", pfec, in.acc,
	     in.pkey);
	compare_unknown(in, pfec);
}

static void compare_fast_page_fault(const struct km_spte_masks *m, uint64_t spte)
{
	static const int rets[] = {
		[KM_RET_PF_INVALID] = 0,
		[KM_RET_PF_FIXED] = 1,
		[KM_RET_PF_SPURIOUS] = 2,
	};
	struct oracle_fault fault = {
		/* most faults for the fast path are writes to a present page */
		.error_code = (chance() & 0x1f & ~(chance() % 2 ? PFERR_RSVD_MASK : 0)) |
			      (chance() % 4 ? PFERR_PRESENT_MASK | PFERR_WRITE_MASK : 0) |
			      (chance() % 8 ? 0 : PFERR_PRIVATE_ACCESS) | PFERR_GUEST_FINAL_MASK,
		/* and half of them are MMU-writable */
		.spte = chance() % 2 ? spte : (spte | m->mmu_writable) & ~2ULL,
		.level = 1 + (int)(chance() % 3),
		.dirty_logged = chance() % 2,
		.has_private_mem = oracle_gen >= 608 && chance() % 2,
		.gfn_is_private = chance() % 8 == 0,
	};
	uint16_t words[KM_PERM_WORDS];
	struct km_fast_page_fault_in in = {
		.masks = m,
		.words = oracle_has_spf ? words : NULL,
		.error_code = fault.error_code,
		.spte = fault.spte,
		.level = fault.level,
		.dirty_logged = fault.dirty_logged,
		.private_mismatch =
			fault.has_private_mem &&
			fault.gfn_is_private != !!(fault.error_code & PFERR_PRIVATE_ACCESS),
	};
	struct km_fast_page_fault ours;
	uint64_t new_spte;

	for (int i = 0; i < KM_PERM_WORDS; i++)
		words[i] = (uint16_t)chance();
	ours = km_fast_page_fault(&in);
	SAME(oracle_fast_page_fault(words, &fault, &new_spte), rets[ours.ret],
	     "spte %#" PRIx64 ", error code %#" PRIx64 ", level %d", in.spte, in.error_code,
	     in.level);
	SAME(new_spte, ours.new_spte, "spte %#" PRIx64 ", error code %#" PRIx64 ", level %d",
	     in.spte, in.error_code, in.level);
	fast_outcomes[ours.step]++;
}

static void compare_rsvd(const struct km_spte_masks *m, uint64_t spte)
{
	struct km_rsvd_bits rsvd = {.bad_mt_xwr = chance_bits()};
	int level = 1 + (int)(chance() % 5);
	bool kernel_says, bad;
	uint64_t kernel, ours;

	for (int i = 0; i < 10; i++)
		rsvd.rsvd_bits_mask[i / 5][i % 5] = chance() % 2 ? 0 : chance_bits();
	kernel = oracle_rsvd(rsvd.rsvd_bits_mask, rsvd.bad_mt_xwr, spte, level, &kernel_says);
	ours = km_rsvd_spte(m, &rsvd, spte, level, &bad);
	SAME(kernel, ours, "spte %#" PRIx64 ", level %d", spte, level);
	SAME(kernel_says, bad || ours, "spte %#" PRIx64 ", level %d", spte, level);
	/* FNAME(is_rsvd_bits_set)() of a nested hypervisor's EPT consists of the same functions */
	ours = km_rsvd_gpte(&rsvd, spte, level, m->layout->xs_xu, &bad);
	SAME(kernel, ours, "gpte %#" PRIx64 ", level %d", spte, level);
	SAME(kernel_says, bad || ours, "gpte %#" PRIx64 ", level %d", spte, level);
}

static void compare_mmio(const struct km_spte_masks *m, uint64_t spte)
{
	uint64_t gen = chance(), gfn = chance() >> 24, made;

	SAME(oracle_is_mmio(spte), km_is_mmio_spte(m, spte), "%#" PRIx64, spte);
	SAME(oracle_mmio_generation(spte), km_get_mmio_spte_generation(m, spte), "%#" PRIx64, spte);
	SAME(oracle_mmio_gfn(spte), km_get_mmio_spte_gfn(m, spte), "%#" PRIx64, spte);

	/* Entries made by the kernel are decoded as the kernel does. */
	made = oracle_make_mmio(gen, gfn, (unsigned)chance());
	SAME(oracle_is_mmio(made), km_is_mmio_spte(m, made), "%#" PRIx64, made);
	SAME(oracle_mmio_generation(made), km_get_mmio_spte_generation(m, made), "%#" PRIx64, made);
	SAME(oracle_mmio_gfn(made), km_get_mmio_spte_gfn(m, made), "%#" PRIx64, made);
	if (oracle_is_mmio(made) && !oracle_is_shadow_present(made)) {
		struct km_spte decoded = km_spte_decode(m, made, 1);

		SAME(KM_SPTE_MMIO, decoded.kind, "%#" PRIx64, made);
		SAME(oracle_mmio_gfn(made), decoded.mmio_gfn, "%#" PRIx64, made);
		SAME(oracle_mmio_access(made), decoded.mmio_access, "%#" PRIx64, made);
		SAME(oracle_mmio_generation(made), decoded.mmio_generation, "%#" PRIx64, made);
	}
}

static void compare_frozen(const struct km_spte_masks *m, uint64_t spte)
{
	/* the layout of 6.1 is used for 6.12, too: it accepts the frozen value of both */
	if (m->layout->frozen_any_bit63) {
		bool ours = km_is_frozen_spte(m, spte);

		SAME(oracle_is_frozen(spte) || oracle_is_frozen(spte ^ 1ULL << 63), ours,
		     "%#" PRIx64, spte);
	} else {
		SAME(oracle_is_frozen(spte), km_is_frozen_spte(m, spte), "%#" PRIx64, spte);
	}
}

static void compare_entry(const struct km_spte_masks *m, uint64_t spte)
{
	int level = 1 + (int)(chance() % 5);
	uint64_t error_code = chance_bits();
	struct km_spte decoded;

	/* REMOVED_SPTE of 5.12, which has the layout of 5.10: no SPTE of 5.10 has only this bit */
	if (oracle_gen < 512 && km_is_frozen_spte(m, spte))
		return;
	SAME(oracle_is_shadow_present(spte), km_is_shadow_present_pte(m, spte), "%#" PRIx64, spte);
	SAME(oracle_is_last(spte, level), km_is_last_spte(spte, level), "%#" PRIx64, spte);
	SAME(oracle_is_writable(spte), km_is_writable_pte(spte), "%#" PRIx64, spte);
	SAME(oracle_ad_enabled(spte), km_spte_ad_enabled(m, spte), "%#" PRIx64, spte);
	SAME(oracle_ad_need_write_protect(spte), km_spte_ad_need_write_protect(m, spte),
	     "%#" PRIx64, spte);
	SAME(oracle_is_access_track(spte), km_is_access_track_spte(m, spte), "%#" PRIx64, spte);
	SAME(oracle_is_accessed(spte), km_is_accessed_spte(m, spte), "%#" PRIx64, spte);
	SAME(oracle_restore_acc_track(spte), km_restore_acc_track_spte(m, spte), "%#" PRIx64, spte);
	if (oracle_has_dirty)
		SAME(oracle_is_dirty(spte), km_is_dirty_spte(m, spte), "%#" PRIx64, spte);
	if (oracle_has_access_allowed) {
		SAME(oracle_is_executable(spte), km_is_executable_pte(m, spte), "%#" PRIx64, spte);
		SAME(oracle_is_access_allowed(spte, error_code),
		     km_is_access_allowed(m, spte, error_code),
		     "spte %#" PRIx64 ", error code %#" PRIx64, spte, error_code);
	}
	if (oracle_has_spf)
		compare_permission_fault(m, spte);
	for (int i = 0; i < 4; i++)
		compare_fast_page_fault(m, spte);
	compare_rsvd(m, spte);
	compare_mmio(m, spte);
	compare_frozen(m, spte);

	decoded = km_spte_decode(m, spte, level);
	if (oracle_is_shadow_present(spte)) {
		SAME(KM_SPTE_PRESENT, decoded.kind, "%#" PRIx64, spte);
		SAME(oracle_is_last(spte, level), decoded.leaf, "%#" PRIx64 " at %d", spte, level);
		SAME(oracle_pfn(spte), decoded.pfn, "%#" PRIx64, spte);
		SAME(oracle_is_accessed(spte), decoded.accessed, "%#" PRIx64, spte);
		SAME(oracle_is_access_track(spte), decoded.access_tracked, "%#" PRIx64, spte);
		if (decoded.access_tracked)
			SAME(oracle_restore_acc_track(spte), decoded.restored, "%#" PRIx64, spte);
	} else if (oracle_is_frozen(spte)) {
		SAME(KM_SPTE_FROZEN, decoded.kind, "%#" PRIx64, spte);
	} else if (oracle_is_mmio(spte) && !km_is_frozen_spte(m, spte)) {
		SAME(KM_SPTE_MMIO, decoded.kind, "%#" PRIx64, spte);
	}
	if (m->acc_track && oracle_is_shadow_present(spte) && !oracle_ad_enabled(spte)) {
		uint64_t marked = oracle_mark_for_access_track(spte);

		SAME(oracle_is_access_track(marked), km_is_access_track_spte(m, marked),
		     "%#" PRIx64, spte);
		SAME(oracle_restore_acc_track(marked), km_restore_acc_track_spte(m, marked),
		     "%#" PRIx64, spte);
	}
}

static void compare_entries(unsigned long rounds)
{
	static const uint64_t known[] = {
		0, 1ULL << 63, 0x5a0, 0x1a0, 1ULL << 63 | 0x5a0, 1ULL << 63 | 0x1a0, ~0ULL,
	};

	for (unsigned n = 0; n < 64; n++) {
		struct km_spte_masks m = machine(n);
		struct oracle_masks masks = oracle_masks_of(&m);

		oracle_set_masks(&masks);
		SAME(oracle_mmio_gen_mask(), km_mmio_spte_gen_mask(&m), "machine %u", n);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			compare_entry(&m, known[i]);
		for (int bit = 0; bit < 64; bit++) {
			compare_entry(&m, 1ULL << bit);
			compare_entry(&m, 1ULL << bit | 0x800);
		}
		/* The low bits and those at the A/D type, all of them. */
		for (uint64_t low = 0; low < 4096; low++)
			compare_entry(&m, low | (chance() & 3) << m.layout->tdp_ad_shift |
						  (chance() & 1) << 63);
		for (unsigned long i = 0; i < rounds / 64; i++)
			compare_entry(&m, chance_bits() | (chance() & 0x800));
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;

	chance_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	compare_default_masks();
	compare_roles(rounds);
	compare_tables(rounds);
	compare_entries(rounds);
	for (unsigned long i = 0; i < rounds; i++)
		compare_guest_access();
	/* every result of the fast path, except the one that this version does not have */
	for (int i = 0; i <= KM_FAST_FIXED; i++) {
		bool old = i == KM_FAST_HUGE,
		     newer = i == KM_FAST_NO_SPTE || i == KM_FAST_DIRTY_LOG_HUGE;

		if (i == KM_FAST_OUT_OF_RANGE ||
		    (i == KM_FAST_PRIVATE_MISMATCH && oracle_gen < 608) ||
		    (oracle_gen < 513 ? newer : old))
			continue;
		if (fast_outcomes[i] < 1000) {
			printf("fast_page_fault(): %llu times \"%s\": too few\n", fast_outcomes[i],
			       km_fast_step_text(i));
			differences++;
		}
	}
	printf("%d.%d: %llu comparisons with the kernel, %llu differ\n", oracle_gen / 100,
	       oracle_gen % 100, comparisons, differences);
	return differences ? 1 : 0;
}
