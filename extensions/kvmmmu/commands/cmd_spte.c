// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu spte: an entry from a log or a trace, decoded and checked. */
#include "commands/command_context.h"
#include "rules/spte_check.h"
#include "rules/spte_generation.h"

#include <inttypes.h>
#include <string.h>

/* An SPTE to decode, from a dump or of an unknown kernel. */
struct entry {
	struct km_command_context *ctx;
	uint64_t value;
	int level; /* 0: not given */
	struct km_spte_masks masks;
	const char *masks_of; /* "dump", "ept:6.1" */
	bool given, found;    /* --as has a generation; it was found by the entry's bits */
	enum km_spte_generation generation;
	unsigned l1tf_bits; /* 0: no such host */
	bool has_rsvd;
	struct km_rsvd_bits rsvd;
};

static const char *paging_name(enum km_paging paging)
{
	switch (paging) {
	case KM_PAGING_EPT:
		return "ept";
	case KM_PAGING_NPT:
		return "npt";
	case KM_PAGING_SHADOW:
		return "shadow";
	}
	return "?";
}

/* Without a generation, take the newest one that writes such entries, as a leaf or as a table. */
static bool find_generation(const struct entry *e, enum km_spte_generation *generation)
{
	return km_spte_find_generation(e->masks.paging, e->value, e->level, generation) ||
	       (!e->level &&
		km_spte_find_generation(e->masks.paging, e->value, PG_LEVEL_2M, generation));
}

static km_error *find_format(struct entry *e)
{
	const char *as = e->ctx->options.as;
	km_error *err = km_parse_format(as, &e->masks);
	bool no_ad = !err && !e->masks.ad_enabled;

	if (err)
		return err;
	e->masks_of = as;
	e->given = strchr(as, ':');
	e->generation = (enum km_spte_generation)(e->masks.layout - km_spte_layouts);
	e->found = !e->given && find_generation(e, &e->generation);
	if (e->found) {
		e->masks = km_spte_default_masks(e->masks.paging, e->generation);
		if (no_ad)
			km_spte_masks_without_ad(&e->masks);
		e->masks_of =
			km_doc_text(e->ctx->root, "%s:%s", as, km_spte_layouts[e->generation].name);
	}
	e->l1tf_bits = km_mmio_spte_l1tf_bits(&e->masks, e->value);
	if (e->l1tf_bits)
		km_spte_masks_with_l1tf(&e->masks, e->l1tf_bits);
	return NULL;
}

/* The reserved bits of this host's tables: those of the first MMU that has them. */
static km_error *find_reserved_bits(struct entry *e)
{
	struct km_command_context *ctx = e->ctx;
	km_error *err = km_context_read_vms(ctx);

	for (size_t i = 0; !err && i < ctx->vms.count; i++) {
		for (size_t j = 0; !e->has_rsvd && j < ctx->vms.vms[i].vcpu_count; j++) {
			struct km_vcpu_mmu all;

			km_vcpu_mmu_read(ctx->kernel, &ctx->vms.vms[i].vcpus[j], &all);
			if (!all.mmu_count || !all.mmus[0].used || !all.mmus[0].rsvd_known)
				continue;
			e->rsvd = all.mmus[0].rsvd;
			e->has_rsvd = true;
		}
	}
	return err;
}

static km_error *find_masks(struct entry *e)
{
	if (e->ctx->options.as)
		return find_format(e);
	if (!e->ctx->kernel)
		return km_errorf(KM_EUSAGE, "without a dump, use --as ept, npt or shadow");
	if (!e->ctx->kernel->features.spte_known)
		return km_errorf(KM_EABSENT, "the SPTE masks of this kernel are not known");
	e->masks = e->ctx->kernel->masks;
	e->masks_of = "dump";
	return find_reserved_bits(e);
}

static struct km_spte decode(const struct entry *e, const struct km_spte_masks *masks)
{
	return km_spte_decode(masks, e->value, e->level ? e->level : PG_LEVEL_4K);
}

/* Does generation @other give the entry the meaning that it was decoded with? */
static bool same_meaning(const struct entry *e, enum km_spte_generation other)
{
	struct km_spte_masks masks = km_spte_default_masks(e->masks.paging, other);
	struct km_spte x = decode(e, &e->masks), y = decode(e, &masks);

	return x.kind == y.kind && x.ad == y.ad && x.host_writable == y.host_writable &&
	       x.mmu_writable == y.mmu_writable && x.access_tracked == y.access_tracked &&
	       x.restored == y.restored && x.xu == y.xu && x.mmio_generation == y.mmio_generation;
}

/* "6.1 (5.13 to 6.9)" */
static const char *kernels(const struct entry *e, enum km_spte_generation generation)
{
	const struct km_spte_layout *layout = &km_spte_layouts[generation];

	return km_doc_text(e->ctx->root, "%s (%s)", layout->name, layout->kernels);
}

/* " and of 6.12, 6.1": older generations that give the entry the same meaning; or "". */
static const char *same_in(const struct entry *e)
{
	const char *text = "";

	for (int i = (int)e->generation - 1; i >= 0; i--) {
		enum km_spte_generation other = (enum km_spte_generation)i;

		if (km_spte_fits(e->masks.paging, other, e->value, e->level, NULL, 0) &&
		    same_meaning(e, other))
			text = km_doc_text(e->ctx->root, "%s%s%s", text, *text ? ", " : ", or ",
					   kernels(e, other));
	}
	return text;
}

/* Report why newer generations do not write such entries, and which older ones also do. */
static void note_other_generations(const struct entry *e)
{
	struct km_node *root = e->ctx->root;
	char why[160];

	for (int i = KM_SPTE_GENERATIONS - 1; i >= 0; i--) {
		enum km_spte_generation other = (enum km_spte_generation)i;
		bool fits =
			km_spte_fits(e->masks.paging, other, e->value, e->level, why, sizeof(why));

		if (other > e->generation && !fits)
			km_doc_note(root, "not from %s, which %s", kernels(e, other),
				    km_doc_text(root, "%s", why));
		else if (other < e->generation && fits && !same_meaning(e, other))
			km_doc_note(root, "or from %s, with a different meaning: see --as %s:%s",
				    kernels(e, other), paging_name(e->masks.paging),
				    km_spte_layouts[i].name);
	}
}

/* The generation that wrote the entry, for --as. */
static void note_generation(const struct entry *e)
{
	struct km_node *root = e->ctx->root;
	enum km_spte_generation other = e->generation;
	char why[160];
	bool fits =
		km_spte_fits(e->masks.paging, e->generation, e->value, e->level, why, sizeof(why));

	if (e->given && !fits) {
		km_doc_note(root, "not from %s, which %s", kernels(e, e->generation),
			    km_doc_text(root, "%s", why));
		if (find_generation(e, &other))
			km_doc_note(root, "from %s: see --as %s:%s", kernels(e, other),
				    paging_name(e->masks.paging), km_spte_layouts[other].name);
	}
	if (e->found && !fits)
		km_doc_note(root, "it looks like a table entry of level 2 or more: use --level");
	if (e->found)
		km_doc_note(root, "decoded as an entry of %s%s", kernels(e, e->generation),
			    same_in(e));
	if (e->found && fits)
		note_other_generations(e);
	if (!e->given && !e->found)
		km_doc_note(root, "no known kernel writes such an entry");
	if (e->l1tf_bits)
		km_doc_note(root,
			    "bits %u to %u are set, as on hosts with the L1TF mitigation: they are "
			    "not part of the gfn",
			    e->l1tf_bits - 5, e->l1tf_bits - 1);
}

static void note_illegal(const struct entry *e)
{
	unsigned bits = km_spte_address_bits(&e->masks, e->value);
	char why[160];

	if (km_spte_is_illegal(&e->masks, e->has_rsvd ? &e->rsvd : NULL, e->value,
			       e->level ? e->level : PG_LEVEL_4K, why, sizeof(why)))
		km_doc_note(e->ctx->root, "illegal: %s", km_doc_text(e->ctx->root, "%s", why));
	if (bits > 48 && !e->has_rsvd)
		km_doc_note(e->ctx->root,
			    "its address needs %u bits: on a processor with a smaller MAXPHYADDR "
			    "these are reserved bits, unless they are an encryption bit",
			    bits);
}

km_error *km_command_spte(struct km_command_context *ctx)
{
	struct entry e = {.ctx = ctx, .level = ctx->options.level};
	struct km_spte spte;
	km_error *err = km_parse_hex(ctx->argv[0], "SPTE", &e.value);

	if (!err)
		err = find_masks(&e);
	if (err)
		return err;
	spte = decode(&e, &e.masks);
	km_doc_field(ctx->root, "masks_of", NULL, km_v_text(e.masks_of));
	km_describe_spte(ctx->root, &e.masks, &spte);
	if (ctx->options.as)
		note_generation(&e);
	if (spte.kind == KM_SPTE_PRESENT || spte.kind == KM_SPTE_NOT_PRESENT)
		note_illegal(&e);
	return NULL;
}
