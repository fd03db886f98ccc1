// SPDX-License-Identifier: GPL-2.0-or-later
/* SPTEs and walks as parts of a document; shared by walk, fault, explain and spte. */
#include "commands/command_context.h"

#include <inttypes.h>

static const char *kind_name(enum km_spte_kind kind)
{
	switch (kind) {
	case KM_SPTE_EMPTY:
		return "empty";
	case KM_SPTE_FROZEN:
		return "frozen";
	case KM_SPTE_MMIO:
		return "mmio";
	case KM_SPTE_PRESENT:
		return "present";
	case KM_SPTE_NOT_PRESENT:
		return "not-present";
	}
	return "?";
}

static const char *ad_name(enum km_spte_ad ad)
{
	switch (ad) {
	case KM_AD_ENABLED:
		return "enabled";
	case KM_AD_DISABLED:
		return "disabled";
	case KM_AD_WRPROT_ONLY:
		return "write-protect-only";
	case KM_AD_INVALID:
		return "invalid";
	}
	return "?";
}

/* EPT memory types as in the SDM; otherwise the PAT index as "pat N". NULL: it has none. */
static const char *memtype_text(struct km_node *node, const struct km_spte_masks *masks, int type)
{
	static const char *const ept[] = {"UC", "WC", "rsvd2", "rsvd3", "WT", "WP", "WB", "rsvd7"};

	if (type < 0)
		return NULL;
	if (masks->paging == KM_PAGING_EPT)
		return ept[type & 7];
	return km_doc_text(node, "pat %d", type);
}

static const char *rights_text(struct km_node *node, const struct km_spte_masks *masks,
			       const struct km_spte *spte)
{
	if (masks->paging == KM_PAGING_EPT && masks->layout->xs_xu)
		return km_doc_text(node, "%c%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
				   spte->x ? 's' : '-', spte->xu ? 'u' : '-');
	if (masks->paging == KM_PAGING_EPT)
		return km_doc_text(node, "%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
				   spte->x ? 'x' : '-');
	return km_doc_text(node, "%c%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
			   spte->x ? 'x' : '-', spte->u ? 'u' : '-');
}

static const char *present_text(struct km_node *node, const struct km_spte_masks *masks,
				const struct km_spte *spte, bool with_pfn)
{
	const char *memtype = memtype_text(node, masks, spte->memtype);
	const char *rights = rights_text(node, masks, spte);
	const char *ad =
		spte->ad == KM_AD_ENABLED ? "" : km_doc_text(node, " ad-%s", ad_name(spte->ad));

	if (!spte->leaf)
		return km_doc_text(node, "table %s%s%s%s", rights, spte->accessed ? " A" : "", ad,
				   spte->encrypted ? " C" : "");
	return km_doc_text(node, "leaf %s %s%s%s%s%s%s%s%s%s%s", km_level_size_text(spte->level),
			   with_pfn ? km_doc_text(node, "pfn 0x%" PRIx64 " ", spte->pfn) : "",
			   rights, spte->accessed ? " A" : "", spte->dirty ? " D" : "",
			   spte->host_writable ? " host-W" : " host-RO",
			   spte->mmu_writable ? " mmu-W" : " mmu-RO",
			   spte->access_tracked ? " access-tracked" : "", ad,
			   memtype ? km_doc_text(node, " %s", memtype) : "",
			   spte->encrypted ? " C" : "");
}

const char *km_spte_text(struct km_node *node, const struct km_spte_masks *masks,
			 const struct km_spte *spte)
{
	switch (spte->kind) {
	case KM_SPTE_EMPTY:
		return "empty";
	case KM_SPTE_FROZEN:
		return "frozen: a change is in progress";
	case KM_SPTE_MMIO:
		return km_doc_text(node, "MMIO gfn 0x%" PRIx64 " generation %" PRIu64,
				   spte->mmio_gfn, spte->mmio_generation);
	case KM_SPTE_PRESENT:
		return present_text(node, masks, spte, true);
	case KM_SPTE_NOT_PRESENT:
		return "not MMU-present";
	}
	return "";
}

const char *km_spte_attributes(struct km_node *node, const struct km_spte_masks *masks,
			       const struct km_spte *spte)
{
	return spte->kind == KM_SPTE_PRESENT ? present_text(node, masks, spte, false)
					     : km_spte_text(node, masks, spte);
}

static void describe_mmio(struct km_node *s, const struct km_spte *spte)
{
	km_doc_field(s, "mmio_gfn", NULL, km_v_hex(spte->mmio_gfn));
	km_doc_field(s, "mmio_generation", NULL, km_v_dec(spte->mmio_generation));
}

static void describe_rights(struct km_node *s, const struct km_spte_masks *masks,
			    const struct km_spte *spte)
{
	bool ept = masks->paging == KM_PAGING_EPT;

	km_doc_field(s, "r", NULL, km_v_bool(spte->r));
	km_doc_field(s, "w", NULL, km_v_bool(spte->w));
	if (ept && masks->layout->xs_xu) {
		km_doc_field(s, "xs", NULL, km_v_bool(spte->x));
		km_doc_field(s, "xu", NULL, km_v_bool(spte->xu));
	} else {
		km_doc_field(s, "x", NULL, km_v_bool(spte->x));
	}
	if (!ept)
		km_doc_field(s, "u", NULL, km_v_bool(spte->u));
}

static void describe_leaf(struct km_node *s, const struct km_spte_masks *masks,
			  const struct km_spte *spte)
{
	km_doc_field(s, "host_writable", NULL, km_v_bool(spte->host_writable));
	km_doc_field(s, "mmu_writable", NULL, km_v_bool(spte->mmu_writable));
	km_doc_field(s, "access_tracked", NULL, km_v_bool(spte->access_tracked));
	if (spte->access_tracked)
		km_doc_field(s, "restored", "would be restored to", km_v_hex(spte->restored));
	km_doc_field(s, "memory_type", NULL, km_v_text(memtype_text(s, masks, spte->memtype)));
}

static void describe_present(struct km_node *s, const struct km_spte_masks *masks,
			     const struct km_spte *spte)
{
	char acc[16];

	km_doc_field(s, "leaf", NULL, km_v_bool(spte->leaf));
	describe_rights(s, masks, spte);
	km_doc_field(s, "accessed", NULL, km_v_bool(spte->accessed));
	km_doc_field(s, "dirty", NULL, km_v_bool(spte->dirty));
	km_doc_field(s, "ad_type", NULL, km_v_text(ad_name(spte->ad)));
	if (spte->leaf)
		describe_leaf(s, masks, spte);
	km_doc_field(s, "pfn", NULL, km_v_hex(spte->pfn));
	km_doc_field(s, "encrypted", NULL, km_v_bool(spte->encrypted));
	km_acc_spell(masks->layout->acc, spte->acc, masks->paging == KM_PAGING_EPT, acc,
		     sizeof(acc));
	km_doc_field(s, "acc", NULL, km_v_text(km_doc_text(s, "%s", acc)));
}

void km_describe_spte(struct km_node *node, const struct km_spte_masks *masks,
		      const struct km_spte *spte)
{
	struct km_node *s = km_doc_compact(node, "spte", NULL);

	km_doc_field(s, "value", NULL, km_v_hex(spte->value));
	km_doc_field(s, "level", NULL, km_v_dec((uint64_t)spte->level));
	km_doc_field(s, "kind", NULL, km_v_text(kind_name(spte->kind)));
	km_doc_field(s, NULL, km_doc_text(node, "0x%016" PRIx64, spte->value),
		     km_v_text(km_spte_text(node, masks, spte)));
	if (spte->kind == KM_SPTE_MMIO)
		describe_mmio(s, spte);
	if (spte->kind == KM_SPTE_PRESENT)
		describe_present(s, masks, spte);
}

/* ---- the page-table page that an entry is in ---- */

/* For people; NULL: its kvm_mmu_page describes it. */
static const char *special_page_text(const struct km_walk_level *l)
{
	if (l->special)
		return "pae_root, a special root";
	if (l->sp.known && !l->sp.addr)
		return "a page without kvm_mmu_page (a special root?)";
	if (!l->sp.known || !l->sp.role_known)
		return "a page whose kvm_mmu_page is not readable";
	return NULL;
}

static const char *mmu_page_text(struct km_node *node, const struct km_mmu_page *sp)
{
	const char *kind = sp->tdp_mmu_page.known == KM_UNREADABLE ? "MMU"
			   : sp->tdp_mmu_page.v			   ? "TDP MMU"
								   : "shadow";
	bool unsync = km_is_known(sp->unsync) && sp->unsync.v;
	char gfn[KM_VAL_TEXT];

	return km_doc_text(node, "%s page 0x%" PRIx64 " gfn %s role %08x%s%s%s", kind, sp->addr,
			   km_val_spell(sp->gfn, true, gfn), sp->role.word,
			   sp->role.invalid ? " INVALID" : "", sp->role.direct ? " direct" : "",
			   unsync ? " unsync" : "");
}

static void describe_mmu_page(struct km_node *node, const struct km_walk_level *l)
{
	const struct km_mmu_page *sp = &l->sp;
	const char *special = special_page_text(l);
	struct km_node *page = km_doc_compact(node, "page", NULL);

	km_doc_field(page, "kvm_mmu_page", NULL,
		     sp->known && sp->addr ? km_v_hex(sp->addr) : km_v_none("-"));
	km_doc_field(page, NULL, "in", km_v_text(special ? special : mmu_page_text(node, sp)));
	if (special)
		return;
	km_doc_field(page, "role", NULL, km_v_hex(sp->role.word));
	km_doc_field(page, "role_level", NULL, km_v_dec(sp->role.level));
	km_doc_field(page, "role_invalid", NULL, km_v_bool(sp->role.invalid));
	km_doc_field(page, "tdp_mmu_page", NULL, km_v_val(sp->tdp_mmu_page, KM_V_BOOL));
	km_doc_field(page, "gfn", NULL, km_v_val(sp->gfn, KM_V_HEX));
	km_doc_field(page, "unsync", NULL, km_v_val(sp->unsync, KM_V_BOOL));
	km_doc_field(page, "root_count", NULL, km_v_val(sp->root_count, KM_V_DEC));
	km_doc_field(page, "nx_huge_page_disallowed", NULL,
		     km_v_val(sp->nx_huge_page_disallowed, KM_V_BOOL));
}

/* Bits that KVM never sets in an SPTE of this context, by its own masks. Mirrors is_rsvd_spte(). */
static void describe_reserved(struct km_node *level, const struct km_spte_masks *masks,
			      const struct km_mmu *mmu, const struct km_walk_level *l)
{
	static const char bad_type[] = "an illegal combination of memory type and R, W, X";
	bool bad_mt_xwr;
	uint64_t rsvd;

	if (l->special || l->spte.kind != KM_SPTE_PRESENT || !mmu->rsvd_known)
		return;
	rsvd = km_rsvd_spte(masks, &mmu->rsvd, l->spte.value, l->level, &bad_mt_xwr);
	km_doc_field(level, "reserved_bits", NULL, km_v_hex(rsvd));
	km_doc_field(level, "bad_mt_xwr", NULL, km_v_bool(bad_mt_xwr));
	if (rsvd)
		km_doc_finding(level, "reserved-bits", KM_LIKELY,
			       "the entry has bits set that KVM's own masks reserve: 0x%" PRIx64
			       "%s%s",
			       rsvd, bad_mt_xwr ? ", and " : "", bad_mt_xwr ? bad_type : "");
	else if (bad_mt_xwr)
		km_doc_finding(level, "reserved-bits", KM_LIKELY, "the entry has %s", bad_type);
}

/* ---- a walk ---- */

static const char *end_name(enum km_walk_end end)
{
	switch (end) {
	case KM_END_LEAF:
		return "leaf";
	case KM_END_NOT_PRESENT:
		return "not-present";
	case KM_END_UNREADABLE:
		return "unreadable";
	case KM_END_NO_ROOT:
		return "no-root";
	case KM_END_DUMMY_ROOT:
		return "dummy-root";
	case KM_END_TOO_WIDE:
		return "address-too-wide";
	case KM_END_TORN:
		return "torn";
	}
	return "?";
}

/* @brief: all about the entry is in its title. */
static const char *level_title(struct km_node *levels, const struct km_spte_masks *masks,
			       const struct km_walk_level *l, bool brief)
{
	const char *where =
		km_doc_text(levels, "level %d 0x%" PRIx64 "[%u]", l->level, l->table_pa, l->index);

	if (!brief)
		return where;
	return km_doc_text(levels, "%s 0x%016" PRIx64 " %s", where, l->spte.value,
			   km_spte_text(levels, masks, &l->spte));
}

static void hide_all_but_findings(struct km_node *section)
{
	for (struct km_node *n = section ? section->first : NULL; n; n = n->next) {
		if (n->kind != KM_N_FINDING)
			km_doc_machine_only(n);
	}
}

static void describe_level(struct km_node *levels, const struct km_spte_masks *masks,
			   const struct km_mmu *mmu, const struct km_walk_level *l, bool brief)
{
	struct km_node *level = km_doc_section(levels, NULL, level_title(levels, masks, l, brief));

	km_doc_field(level, "level", NULL, km_v_dec((uint64_t)l->level));
	km_doc_field(level, "table", NULL, km_v_hex(l->table_pa));
	km_doc_field(level, "index", NULL, km_v_dec(l->index));
	km_describe_spte(level, masks, &l->spte);
	describe_reserved(level, masks, mmu, l);
	describe_mmu_page(level, l);
	if (l->oddity)
		km_doc_finding(level, "role-corruption", KM_LIKELY, "%s", l->oddity);
	if (brief)
		hide_all_but_findings(level);
}

/* If there is no root, the end of the walk reports that. */
static const char *walk_title(struct km_node *node, const struct km_mmu *mmu,
			      const struct km_walk *walk)
{
	const char *what = km_doc_text(node, "walk of %s 0x%" PRIx64 " in %s",
				       km_walk_address_text(walk->meaning), walk->addr, mmu->name);
	char root[KM_VAL_TEXT];

	if (walk->end == KM_END_NO_ROOT)
		return what;
	return km_doc_text(node, "%s, root %s level %d", what,
			   km_val_spell(km_walk_root(walk, mmu), true, root), walk->root_level);
}

static struct km_node *walk_section(struct km_node *node, const struct km_mmu *mmu,
				    const struct km_walk *walk)
{
	const char *meaning = km_walk_address_text(walk->meaning);
	struct km_node *section = km_doc_section(node, "walk", walk_title(node, mmu, walk));

	km_doc_field(section, "mmu", NULL, km_v_text(mmu->name));
	km_doc_field(section, "address", NULL, km_v_hex(walk->addr));
	km_doc_field(section, "address_is", NULL, km_v_text(meaning));
	km_doc_field(section, "root_hpa", NULL, km_v_val(km_walk_root(walk, mmu), KM_V_HEX));
	km_doc_field(section, "root_level", NULL, km_v_dec((uint64_t)walk->root_level));
	return section;
}

void km_describe_walk(struct km_node *node, const struct km_kernel *k, const struct km_mmu *mmu,
		      const struct km_walk *walk, bool brief)
{
	struct km_spte_masks masks = k->masks;
	struct km_node *section = walk_section(node, mmu, walk);
	struct km_node *levels = km_doc_list(section, "levels");
	char end[160];

	masks.paging = mmu->paging;
	for (size_t i = 0; i < walk->count; i++) {
		const struct km_walk_level *l = &walk->levels[i];

		describe_level(levels, &masks, mmu, l, brief && i + 1 < walk->count && !l->oddity);
	}
	km_doc_field(section, "end", NULL, km_v_text(end_name(walk->end)));
	km_doc_field(section, "end_level", NULL, km_v_dec((uint64_t)walk->end_level));
	if (walk->end == KM_END_NO_ROOT && mmu->readable && !mmu->used)
		km_doc_note(section, "there is no root: this context was never used");
	else
		km_doc_note(section, "%s", km_walk_end_text(walk, end, sizeof(end)));
}
