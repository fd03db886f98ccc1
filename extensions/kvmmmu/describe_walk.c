// SPDX-License-Identifier: GPL-2.0-or-later
/* SPTEs and walks as document parts; shared by walk, fault and spte. */
#include "command_context.h"

#include <inttypes.h>

static const char *const kind_names[] = {"empty", "frozen", "mmio", "present", "not-present"};
static const char *const ad_names[] = {"enabled", "disabled", "write-protect-only", "invalid"};

/* EPT memory types (SDM); others show the PAT index as "pat N". */
static const char *memtype_text(struct km_node *node, const struct km_spte_masks *masks, int type)
{
	static const char *const ept[] = {"UC", "WC", "rsvd2", "rsvd3", "WT", "WP", "WB", "rsvd7"};

	if (type < 0)
		return NULL;
	if (masks->paging == KM_PAGING_EPT)
		return ept[type & 7];
	return km_text(node, "pat %d", type);
}

static const char *rights_text(struct km_node *node, const struct km_spte_masks *masks,
			       const struct km_spte *spte)
{
	if (masks->paging == KM_PAGING_EPT && masks->layout->xs_xu)
		return km_text(node, "%c%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
			       spte->x ? 's' : '-', spte->xu ? 'u' : '-');
	if (masks->paging == KM_PAGING_EPT)
		return km_text(node, "%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
			       spte->x ? 'x' : '-');
	return km_text(node, "%c%c%c%c", spte->r ? 'r' : '-', spte->w ? 'w' : '-',
		       spte->x ? 'x' : '-', spte->u ? 'u' : '-');
}

static const char *present_text(struct km_node *node, const struct km_spte_masks *masks,
				const struct km_spte *spte, bool with_pfn)
{
	const char *memtype = memtype_text(node, masks, spte->memtype);
	const char *rights = rights_text(node, masks, spte);
	const char *ad =
		spte->ad == KM_AD_ENABLED ? "" : km_text(node, " ad-%s", ad_names[spte->ad]);

	if (!spte->leaf)
		return km_text(node, "table %s%s%s%s", rights, spte->accessed ? " A" : "", ad,
			       spte->encrypted ? " C" : "");
	return km_text(node, "leaf %s %s%s%s%s%s%s%s%s%s%s", km_level_size_text(spte->level),
		       with_pfn ? km_text(node, "pfn 0x%" PRIx64 " ", spte->pfn) : "", rights,
		       spte->accessed ? " A" : "", spte->dirty ? " D" : "",
		       spte->host_writable ? " host-W" : " host-RO",
		       spte->mmu_writable ? " mmu-W" : " mmu-RO",
		       spte->access_tracked ? " access-tracked" : "", ad,
		       memtype ? km_text(node, " %s", memtype) : "", spte->encrypted ? " C" : "");
}

const char *km_spte_text(struct km_node *node, const struct km_spte_masks *masks,
			 const struct km_spte *spte)
{
	switch (spte->kind) {
	case KM_SPTE_EMPTY:
		return "empty";
	case KM_SPTE_FROZEN:
		return "frozen: being changed by someone";
	case KM_SPTE_MMIO:
		return km_text(node, "MMIO gfn 0x%" PRIx64 " generation %" PRIu64, spte->mmio_gfn,
			       spte->mmio_generation);
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

void km_describe_spte(struct km_node *node, const struct km_spte_masks *masks,
		      const struct km_spte *spte)
{
	struct km_node *s = km_compact(node, "spte", NULL);
	char acc[16];

	km_field(s, "value", NULL, km_v_hex(spte->value));
	km_field(s, "level", NULL, km_v_dec((uint64_t)spte->level));
	km_field(s, "kind", NULL, km_v_text(kind_names[spte->kind]));
	km_field(s, NULL, km_text(node, "0x%016" PRIx64, spte->value),
		 km_v_text(km_spte_text(node, masks, spte)));
	if (spte->kind == KM_SPTE_MMIO) {
		km_field(s, "mmio_gfn", NULL, km_v_hex(spte->mmio_gfn));
		km_field(s, "mmio_generation", NULL, km_v_dec(spte->mmio_generation));
	}
	if (spte->kind != KM_SPTE_PRESENT)
		return;
	km_field(s, "leaf", NULL, km_v_bool(spte->leaf));
	km_field(s, "r", NULL, km_v_bool(spte->r));
	km_field(s, "w", NULL, km_v_bool(spte->w));
	if (masks->paging == KM_PAGING_EPT && masks->layout->xs_xu) {
		km_field(s, "xs", NULL, km_v_bool(spte->x));
		km_field(s, "xu", NULL, km_v_bool(spte->xu));
	} else {
		km_field(s, "x", NULL, km_v_bool(spte->x));
	}
	if (masks->paging != KM_PAGING_EPT)
		km_field(s, "u", NULL, km_v_bool(spte->u));
	km_field(s, "accessed", NULL, km_v_bool(spte->accessed));
	km_field(s, "dirty", NULL, km_v_bool(spte->dirty));
	km_field(s, "ad_type", NULL, km_v_text(ad_names[spte->ad]));
	if (spte->leaf) {
		km_field(s, "host_writable", NULL, km_v_bool(spte->host_writable));
		km_field(s, "mmu_writable", NULL, km_v_bool(spte->mmu_writable));
		km_field(s, "access_tracked", NULL, km_v_bool(spte->access_tracked));
		if (spte->access_tracked)
			km_field(s, "restored", "would be restored to", km_v_hex(spte->restored));
		km_field(s, "memory_type", NULL,
			 km_v_text(memtype_text(node, masks, spte->memtype)));
	}
	km_field(s, "pfn", NULL, km_v_hex(spte->pfn));
	km_field(s, "encrypted", NULL, km_v_bool(spte->encrypted));
	km_acc_spell(masks->layout->acc, spte->acc, masks->paging == KM_PAGING_EPT, acc,
		     sizeof(acc));
	km_field(s, "acc", NULL, km_v_text(km_text(node, "%s", acc)));
}

/* One line on the page-table page, and its parts for machines. */
static void describe_mmu_page(struct km_node *node, const struct km_walk_level *l)
{
	const struct km_mmu_page *sp = &l->sp;
	char gfn[KM_VAL_TEXT];
	struct km_node *page = km_compact(node, "page", NULL);

	km_field(page, "kvm_mmu_page", NULL,
		 sp->known && sp->addr ? km_v_hex(sp->addr) : km_v_none("-"));
	if (l->special) {
		km_field(page, NULL, "in", km_v_text("pae_root, a special root"));
		return;
	}
	if (!sp->known || !sp->addr || !sp->role_known) {
		km_field(page, NULL, "in",
			 km_v_text(sp->known && !sp->addr
					   ? "a page without kvm_mmu_page (special root?)"
					   : "a page whose kvm_mmu_page is not readable"));
		return;
	}
	km_field(page, "role", NULL, km_v_hex(sp->role.word));
	km_field(page, "role_level", NULL, km_v_dec(sp->role.level));
	km_field(page, "role_invalid", NULL, km_v_bool(sp->role.invalid));
	km_field(page, "tdp_mmu_page", NULL, km_v_val(sp->tdp_mmu_page, KM_V_BOOL));
	km_field(page, "gfn", NULL, km_v_val(sp->gfn, KM_V_HEX));
	km_field(page, "unsync", NULL, km_v_val(sp->unsync, KM_V_BOOL));
	km_field(page, "root_count", NULL, km_v_val(sp->root_count, KM_V_DEC));
	km_field(page, "nx_huge_page_disallowed", NULL,
		 km_v_val(sp->nx_huge_page_disallowed, KM_V_BOOL));
	km_field(page, NULL, "in",
		 km_v_text(km_text(node, "%s page 0x%" PRIx64 " gfn %s role %08x%s%s%s",
				   sp->tdp_mmu_page.known == KM_UNREADABLE ? "MMU"
				   : sp->tdp_mmu_page.v			   ? "TDP MMU"
									   : "shadow",
				   sp->addr, km_val_spell(sp->gfn, true, gfn), sp->role.word,
				   sp->role.invalid ? " INVALID" : "",
				   sp->role.direct ? " direct" : "",
				   km_is_known(sp->unsync) && sp->unsync.v ? " unsync" : "")));
}

/* Bits that KVM never sets in an SPTE of this context, by its own masks. Mirrors is_rsvd_spte(). */
static void describe_reserved(struct km_node *level, const struct km_spte_masks *masks,
			      const struct km_mmu *mmu, const struct km_walk_level *l)
{
	bool bad_mt_xwr;
	uint64_t rsvd;

	if (l->special || l->spte.kind != KM_SPTE_PRESENT || !mmu->rsvd_known)
		return;
	rsvd = km_rsvd_spte(masks, &mmu->rsvd, l->spte.value, l->level, &bad_mt_xwr);
	km_field(level, "reserved_bits", NULL, km_v_hex(rsvd));
	km_field(level, "bad_mt_xwr", NULL, km_v_bool(bad_mt_xwr));
	if (rsvd || bad_mt_xwr)
		km_finding(level, "reserved-bits", KM_LIKELY,
			   "the entry has bits that KVM itself takes for reserved: 0x%" PRIx64 "%s",
			   rsvd,
			   bad_mt_xwr ? ", and a bad combination of memory type and XWR" : "");
}

/* An upper level in one line, where there is nothing odd about it. */
static struct km_node *brief_level(struct km_node *levels, const struct km_spte_masks *masks,
				   const struct km_walk_level *l)
{
	return km_section(levels, NULL,
			  km_text(levels, "level %d  0x%" PRIx64 "[%u]  0x%016" PRIx64 " %s",
				  l->level, l->table_pa, l->index, l->spte.value,
				  km_spte_text(levels, masks, &l->spte)));
}

static void hide_children(struct km_node *section)
{
	for (struct km_node *n = section ? section->first : NULL; n; n = n->next)
		n->machine_only = n->kind != KM_N_FINDING;
}

void km_describe_walk(struct km_node *node, const struct km_kernel *k, const struct km_mmu *mmu,
		      const struct km_walk *walk, bool brief)
{
	static const char *const ends[] = {"leaf",    "not-present", "unreadable",
					   "no-root", "dummy-root",  "address-too-wide",
					   "torn"};
	struct km_spte_masks masks = k->masks;
	char root[KM_VAL_TEXT];
	struct km_node *section =
		km_section(node, "walk",
			   km_text(node, "walk of %s 0x%" PRIx64 " in %s, root %s level %d",
				   km_walk_address_text(walk->meaning), walk->addr, mmu->name,
				   km_val_spell(mmu->root.hpa, true, root), walk->root_level));
	struct km_node *levels;
	char end[160];

	masks.paging = mmu->paging;
	km_field(section, "mmu", NULL, km_v_text(mmu->name));
	km_field(section, "address", NULL, km_v_hex(walk->addr));
	km_field(section, "address_is", NULL, km_v_text(km_walk_address_text(walk->meaning)));
	km_field(section, "root_hpa", NULL, km_v_val(mmu->root.hpa, KM_V_HEX));
	km_field(section, "root_level", NULL, km_v_dec((uint64_t)walk->root_level));
	levels = km_list(section, "levels");
	for (size_t i = 0; i < walk->count; i++) {
		const struct km_walk_level *l = &walk->levels[i];
		bool short_form = brief && i + 1 < walk->count && !l->oddity;
		struct km_node *level =
			short_form ? brief_level(levels, &masks, l)
				   : km_section(levels, NULL,
						km_text(node, "level %d  0x%" PRIx64 "[%u]",
							l->level, l->table_pa, l->index));

		km_field(level, "level", NULL, km_v_dec((uint64_t)l->level));
		km_field(level, "table", NULL, km_v_hex(l->table_pa));
		km_field(level, "index", NULL, km_v_dec(l->index));
		km_describe_spte(level, &masks, &l->spte);
		describe_reserved(level, &masks, mmu, l);
		describe_mmu_page(level, l);
		if (l->oddity)
			km_finding(level, "role-corruption", KM_LIKELY, "%s", l->oddity);
		if (short_form)
			hide_children(level);
	}
	km_field(section, "end", NULL, km_v_text(ends[walk->end]));
	km_field(section, "end_level", NULL, km_v_dec((uint64_t)walk->end_level));
	km_note(section, "%s", km_walk_end_text(walk, end, sizeof(end)));
}
