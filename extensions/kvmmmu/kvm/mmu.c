// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/mmu.h"

#include "kernel/struct_page.h"

#include <inttypes.h>
#include <string.h>

#define ROOT_4LEVEL 4 /* PT64_ROOT_4LEVEL */

const char *km_table_status_text(enum km_table_status status)
{
	static const char *const texts[] = {
		[KM_TABLE_MATCHES] = "matches its role",
		[KM_TABLE_DIFFERS] = "DIFFERS from its role",
		[KM_TABLE_UNUSED] = "context never used",
		[KM_TABLE_PAGING_OFF] = "paging disabled: not updated, not checked",
		[KM_TABLE_UNREADABLE] = "not readable",
		[KM_TABLE_NO_VERDICT] = "not checked: the rule of this kernel is not known",
	};

	return texts[status];
}

unsigned km_table_differences(const struct km_perm_table *table)
{
	unsigned count = 0;

	if (table->status != KM_TABLE_DIFFERS)
		return 0;
	for (size_t i = 0; i < KM_PERM_WORDS; i++)
		count += table->words[i] != table->expected[i];
	return count;
}

const struct km_perm_table *km_spte_table(const struct km_vcpu_mmu *all, const struct km_mmu *mmu)
{
	for (size_t i = 0; i < all->table_count; i++) {
		const struct km_perm_table *table = &all->tables[i];

		if (table->spte && !strncmp(table->context, mmu->name, strlen(mmu->name)))
			return table;
	}
	return NULL;
}

/* Read both halves of a union kvm_cpu_role; return false if they are not readable. */
static bool read_cpu_role(const struct km_kernel *k, uint64_t addr, enum km_member_id base_id,
			  enum km_member_id ext_id, struct km_cpu_role *role)
{
	struct km_val base = km_kget(k, addr, base_id);
	struct km_val ext = km_kget(k, addr, ext_id);

	role->base = km_page_role_decode(&k->page_role, base.v);
	role->ext = km_ext_role_decode(&k->ext_role, ext.v);
	return km_is_known(base) && km_is_known(ext);
}

/* A capsule of an earlier version has neither: there the level stays that of the shadow pages. */
static void set_guest_level(const struct km_kernel *k, uint64_t addr, struct km_cpu_role *role)
{
	struct km_val level = km_kget(k, addr, KM_M_kvm_mmu_root_level);

	if (k->ext_role.cr0_pg.width && km_is_known(level))
		km_cpu_role_of_one_role(role, (uint8_t)level.v);
}

static const struct km_pagewalk *add_walk(const struct km_kernel *k, struct km_vcpu_mmu *all,
					  const char *name, uint64_t addr, bool own)
{
	struct km_pagewalk *w = &all->walks[all->walk_count++];

	w->name = name;
	w->addr = addr;
	if (own)
		w->role_known = read_cpu_role(k, addr, KM_M_kvm_pagewalk_cpu_role_base,
					      KM_M_kvm_pagewalk_cpu_role_ext, &w->cpu_role);
	else
		w->role_known = read_cpu_role(k, addr, KM_M_kvm_mmu_cpu_role_base,
					      KM_M_kvm_mmu_cpu_role_ext, &w->cpu_role);
	if (!own && km_has(k->layout, KM_M_kvm_mmu_one_role))
		set_guest_level(k, addr, &w->cpu_role);
	return w;
}

static void read_root_info(const struct km_kernel *k, uint64_t addr, struct km_root *root)
{
	root->hpa = km_kget(k, addr, KM_M_kvm_mmu_root_info_hpa);
	root->pgd = km_kget(k, addr, KM_M_kvm_mmu_root_info_pgd);
}

static void read_rsvd_bits(const struct km_kernel *k, struct km_mmu *mmu)
{
	const struct km_member *m = km_layout_member(k->layout, KM_M_kvm_mmu_rsvd_bits_mask);
	struct km_val mt = km_kget(k, mmu->addr, KM_M_kvm_mmu_bad_mt_xwr);
	km_scoped_error *err = NULL;

	if (!m || m->size != sizeof(mmu->rsvd.rsvd_bits_mask) || !km_is_known(mt))
		return;
	err = km_read_virt_as(k->mem, mmu->addr + m->offset, mmu->rsvd.rsvd_bits_mask, m->size,
			      km_member_name(KM_M_kvm_mmu_rsvd_bits_mask));
	mmu->rsvd.bad_mt_xwr = mt.v;
	mmu->rsvd_known = !err;
}

/* guest_mmu is used with nested EPT or NPT only, root_mmu also without TDP. */
static enum km_paging context_paging(const struct km_kernel *k)
{
	return k->features.tdp ? k->masks.paging : KM_PAGING_SHADOW;
}

static void add_mmu(const struct km_kernel *k, const struct km_vcpu *vcpu, struct km_vcpu_mmu *all,
		    const char *name, enum km_member_id id)
{
	const struct km_member *prev = km_layout_member(k->layout, KM_M_kvm_mmu_prev_roots);
	struct km_val addr = km_addr_of(k->layout, vcpu->addr, id);
	struct km_val role;
	struct km_mmu *mmu;

	if (!km_is_known(addr))
		return;
	mmu = &all->mmus[all->mmu_count++];
	mmu->name = name;
	mmu->addr = addr.v;
	mmu->active = km_is_known(vcpu->mmu) && vcpu->mmu.v == mmu->addr;
	role = km_kget(k, mmu->addr, KM_M_kvm_mmu_root_role);
	mmu->readable = km_is_known(role);
	mmu->root_role = km_page_role_decode(&k->page_role, role.v);
	/* kvm_mmu_after_set_cpuid() sets role.invalid even in contexts that were never used */
	mmu->used = mmu->root_role.level != 0;
	mmu->root.hpa = km_kget(k, mmu->addr, KM_M_kvm_mmu_root_hpa);
	mmu->root.pgd = km_kget(k, mmu->addr, KM_M_kvm_mmu_root_pgd);
	for (uint32_t i = 0; prev && i < prev->count && i < KM_PREV_ROOTS; i++)
		read_root_info(k, mmu->addr + prev->offset + i * prev->elem, &mmu->prev_roots[i]);
	mmu->mirror_root_hpa = km_kget(k, mmu->addr, KM_M_kvm_mmu_mirror_root_hpa);
	mmu->pae_root = km_kget(k, mmu->addr, KM_M_kvm_mmu_pae_root);
	mmu->pml4_root = km_kget(k, mmu->addr, KM_M_kvm_mmu_pml4_root);
	mmu->pml5_root = km_kget(k, mmu->addr, KM_M_kvm_mmu_pml5_root);
	mmu->paging = context_paging(k);
	read_rsvd_bits(k, mmu);
	if (mmu->active)
		all->active = mmu;
}

/* Read the words of a table, of 8 or 16 bits in the kernel; return false if not readable. */
static bool read_words(const struct km_kernel *k, uint64_t base, enum km_member_id id,
		       struct km_perm_table *table)
{
	table->addr = km_addr_of(k->layout, base, id).v;
	for (uint32_t i = 0; i < KM_PERM_WORDS; i++) {
		struct km_val word = km_kelem(k, base, id, i);

		if (!km_is_known(word))
			return false;
		table->words[i] = word.v;
	}
	return true;
}

/* Set the status: are the words, and the PKRU mask of a guest table, those of the role? */
static void judge_table(struct km_perm_table *table)
{
	bool same;

	km_update_permission_bitmask(&table->inputs, table->expected);
	same = !memcmp(table->words, table->expected, sizeof(table->words));
	if (table->pkru_judged)
		same &= table->pkru_mask == table->expected_pkru;
	table->status = same ? KM_TABLE_MATCHES : KM_TABLE_DIFFERS;
}

/* mmu->fmt (7.3), set in init_kvm_tdp_mmu(), shadow_mmu_init_context() and for nested EPT. */
static void add_spte_table(const struct km_kernel *k, struct km_vcpu_mmu *all,
			   const struct km_mmu *mmu, const char *context)
{
	struct km_perm_table *table = &all->tables[all->table_count++];
	bool guest_mmu = !strcmp(mmu->name, "guest_mmu");
	bool tdp = guest_mmu || k->features.tdp;

	table->context = context;
	table->spte = true;
	table->ept = tdp && k->masks.paging == KM_PAGING_EPT;
	if (!k->features.perm_known)
		table->status = KM_TABLE_NO_VERDICT;
	else if (!read_words(k, mmu->addr, KM_M_kvm_mmu_permissions, table) || !mmu->readable)
		table->status = KM_TABLE_UNREADABLE;
	else if (!mmu->used)
		table->status = KM_TABLE_UNUSED;
	else if (!k->features.spte_known)
		table->status = KM_TABLE_NO_VERDICT;
	else {
		table->inputs =
			km_spte_perm_inputs(k->features.acc, &mmu->root_role, tdp, table->ept);
		judge_table(table);
	}
}

/* Every kernel has these; type information without them, as in some capsules, gives no role. */
static bool has_role_fields(const struct km_kernel *k)
{
	return k->page_role.efer_nx.width && k->page_role.cr0_wp.width &&
	       k->ext_role.cr4_smap.width &&
	       (k->ext_role.cr4_smep.width || k->page_role.cr4_smep.width);
}

/*
 * A table for guest PTEs: w->fmt since 7.3, before that a member of the context. @nested: the
 * guest tables are those of a nested hypervisor (guest_mmu, later ngpa_walk), EPT on Intel.
 */
static void add_guest_table(const struct km_kernel *k, struct km_vcpu_mmu *all,
			    const struct km_pagewalk *w, const char *context, bool nested,
			    enum km_member_id words, enum km_member_id pkru)
{
	struct km_perm_table *table = &all->tables[all->table_count++];
	struct km_val pkru_mask = km_kget(k, w->addr, pkru);
	bool pke;

	table->context = context;
	table->ept = nested && k->masks.paging == KM_PAGING_EPT;
	/* every kernel has efer_nx in the role: without it the type information is not complete */
	if (!k->features.perm_known || !k->page_role.efer_nx.width)
		table->status = KM_TABLE_NO_VERDICT;
	else if (!read_words(k, w->addr, words, table) || !w->role_known)
		table->status = KM_TABLE_UNREADABLE;
	else if (!km_cpu_role_cr0_pg(&w->cpu_role))
		table->status = w->cpu_role.ext.valid ? KM_TABLE_PAGING_OFF : KM_TABLE_UNUSED;
	else if ((nested && !k->features.spte_known) || !has_role_fields(k))
		table->status = KM_TABLE_NO_VERDICT;
	else {
		table->inputs =
			km_guest_perm_inputs(k->features.acc, &w->cpu_role, nested, table->ept);
		pke = km_cpu_role_cr4_pke(&w->cpu_role, k->ext_role.efer_lma.width) && !table->ept;
		/* without efer_lma, the level does not show whether L2 is in long mode */
		table->pkru_judged =
			km_is_known(pkru_mask) && (!nested || k->ext_role.efer_lma.width);
		table->pkru_mask = pkru_mask.v;
		table->expected_pkru = km_update_pkru_bitmask(pke, w->cpu_role.base.cr0_wp);
		judge_table(table);
	}
}

static const struct km_pagewalk *walk_at(const struct km_vcpu_mmu *all, uint64_t addr)
{
	for (size_t i = 0; i < all->walk_count; i++) {
		if (all->walks[i].addr == addr)
			return &all->walks[i];
	}
	return NULL;
}

static void read_with_fmt(const struct km_kernel *k, const struct km_vcpu *vcpu,
			  struct km_vcpu_mmu *all)
{
	static const char *const contexts[] = {"root_mmu.fmt", "guest_mmu.fmt"};
	struct km_val gva = km_addr_of(k->layout, vcpu->addr, KM_M_kvm_vcpu_gva_walk);
	struct km_val ngpa = km_addr_of(k->layout, vcpu->addr, KM_M_kvm_vcpu_ngpa_walk);

	if (km_is_known(gva))
		add_walk(k, all, "gva_walk", gva.v, true);
	if (km_is_known(ngpa))
		add_walk(k, all, "ngpa_walk", ngpa.v, true);
	for (size_t i = 0; i < all->mmu_count; i++) {
		struct km_val w = km_kget(k, all->mmus[i].addr, KM_M_kvm_mmu_w);

		all->mmus[i].w = km_is_known(w) ? walk_at(all, w.v) : NULL;
		add_spte_table(k, all, &all->mmus[i], contexts[i]);
	}
	for (size_t i = 0; i < all->walk_count; i++) {
		bool nested = !strcmp(all->walks[i].name, "ngpa_walk");

		add_guest_table(k, all, &all->walks[i], nested ? "ngpa_walk.fmt" : "gva_walk.fmt",
				nested, KM_M_kvm_pagewalk_permissions, KM_M_kvm_pagewalk_pkru_mask);
	}
}

static void read_without_fmt(const struct km_kernel *k, struct km_vcpu_mmu *all)
{
	for (size_t i = 0; i < all->mmu_count; i++) {
		struct km_mmu *mmu = &all->mmus[i];

		mmu->w = add_walk(k, all, mmu->name, mmu->addr, false);
		add_guest_table(k, all, mmu->w, mmu->name, !strcmp(mmu->name, "guest_mmu"),
				KM_M_kvm_mmu_permissions, KM_M_kvm_mmu_pkru_mask);
	}
}

/*
 * With TDP, root_mmu is direct and has the level of kvm_mmu_get_tdp_level(), 4 or 5. With shadow
 * paging it is direct only while the guest's paging is off, with the level of PAE (3), see
 * kvm_calc_shadow_mmu_root_page_role().
 */
static void check_tdp(const struct km_kernel *k, const struct km_mmu *mmu, struct km_vcpu_mmu *all)
{
	const struct km_page_role *role = &mmu->root_role;

	if (k->features.tdp_known &&
	    k->features.tdp != (role->direct && role->level >= ROOT_4LEVEL))
		km_contradict(&all->contradictions,
			      "tdp_enabled is %d, and the role of root_mmu is %sdirect at level %u",
			      k->features.tdp, role->direct ? "" : "not ", role->level);
}

/* The page of the root has the same role, but for the invalid bit, which is set there later. */
static void check_root(const struct km_kernel *k, const struct km_mmu *mmu, struct km_vcpu_mmu *all)
{
	uint64_t invalid = ((1ULL << k->page_role.invalid.width) - 1) << k->page_role.invalid.shift;
	struct km_val role = km_kconfirm(k, mmu->addr, KM_M_kvm_mmu_root_role), sp, page_role;

	if (!km_is_known(mmu->root.hpa) || !km_valid_page(mmu->root.hpa.v) ||
	    mmu->root_role.level < ROOT_4LEVEL)
		return;
	sp = km_to_shadow_page(k, mmu->root.hpa.v & k->masks.base_addr_mask);
	if (!km_is_known(sp) || !km_is_kernel_address(sp.v))
		return;
	page_role = km_kconfirm(k, sp.v, KM_M_kvm_mmu_page_role);
	if (km_is_known(page_role) && km_is_known(role) && (page_role.v ^ role.v) & ~invalid)
		km_contradict(&all->contradictions,
			      "the role of %s is 0x%" PRIx64
			      ", that of its root's kvm_mmu_page 0x%" PRIx64,
			      mmu->name, role.v, page_role.v);
}

static void check_contexts(const struct km_kernel *k, struct km_vcpu_mmu *all)
{
	for (size_t i = 0; i < all->mmu_count; i++) {
		const struct km_mmu *mmu = &all->mmus[i];

		if (!mmu->readable || !mmu->used)
			continue;
		if (!strcmp(mmu->name, "root_mmu"))
			check_tdp(k, mmu, all);
		if (mmu->active)
			check_root(k, mmu, all);
	}
}

void km_vcpu_mmu_read(const struct km_kernel *k, const struct km_vcpu *vcpu,
		      struct km_vcpu_mmu *all)
{
	memset(all, 0, sizeof(*all));
	add_mmu(k, vcpu, all, "root_mmu", KM_M_kvm_vcpu_root_mmu);
	add_mmu(k, vcpu, all, "guest_mmu", KM_M_kvm_vcpu_guest_mmu);
	if (k->features.spte_table) {
		read_with_fmt(k, vcpu, all);
	} else {
		add_mmu(k, vcpu, all, "nested_mmu", KM_M_kvm_vcpu_nested_mmu);
		read_without_fmt(k, all);
	}
	check_contexts(k, all);
}

km_error *km_mmu_by_name(const struct km_vcpu_mmu *all, const char *name, const struct km_mmu **mmu)
{
	for (size_t i = 0; i < all->mmu_count; i++) {
		if (!strcmp(all->mmus[i].name, name)) {
			*mmu = &all->mmus[i];
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE, "this kernel has no MMU context \"%s\"", name);
}
