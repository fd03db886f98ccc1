// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu mmu: the MMU contexts of a vCPU, their roles and roots, and the SPTE masks. */
#include "commands/command_context.h"

#include <inttypes.h>

struct speller {
	struct km_node *node;
	const char *text;
};

/* Fields that are set, with their value where it is not 1: "level=4 direct access=15 ..." */
static void spell_field(void *ctx, const char *name, unsigned value)
{
	struct speller *s = ctx;

	/* names are the X-macro's literals: they outlive the document */
	km_doc_field(s->node, name, NULL, km_v_dec(value));
	if (value == 1)
		s->text = km_doc_text(s->node, "%s%s%s", s->text, *s->text ? " " : "", name);
	else if (value)
		s->text = km_doc_text(s->node, "%s%s%s=%u", s->text, *s->text ? " " : "", name,
				      value);
}

static void describe_page_role(struct km_node *node, const struct km_kernel *k, const char *key,
			       const char *label, const struct km_page_role *role)
{
	struct km_node *section = km_doc_compact(node, key, NULL);
	struct speller s = {section, ""};

	km_doc_field(section, "word", NULL, km_v_hex(role->word));
	km_page_role_spell(&k->page_role, role->word, spell_field, &s);
	km_doc_field(section, NULL, label,
		     km_v_text(km_doc_text(node, "%08x %s", role->word, s.text)));
}

static void describe_ext_role(struct km_node *node, const struct km_kernel *k,
			      const struct km_ext_role *role)
{
	struct km_node *section = km_doc_compact(node, "ext", NULL);
	struct speller s = {section, ""};

	km_doc_field(section, "word", NULL, km_v_hex(role->word));
	km_ext_role_spell(&k->ext_role, role->word, spell_field, &s);
	km_doc_field(section, NULL, "cpu_role.ext",
		     km_v_text(km_doc_text(node, "%08x %s", role->word, s.text)));
}

static struct km_value root_value(struct km_node *node, struct km_val hpa)
{
	if (km_is_known(hpa) && !km_valid_page(hpa.v))
		return km_v_as(km_v_none(NULL), "none");
	if (km_is_known(hpa))
		return km_v_as(km_v_hex(hpa.v), km_doc_text(node, "0x%" PRIx64, hpa.v));
	return km_v_val(hpa, KM_V_HEX);
}

static void add_root(struct km_node *table, const char *name, const struct km_root *root)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "name", km_v_text(name));
	km_doc_cell(row, "hpa", root_value(table, root->hpa));
	km_doc_cell(row, "pgd", root_value(table, root->pgd));
}

static void describe_roots(struct km_node *node, const struct km_mmu *mmu)
{
	const struct km_root mirror = {.hpa = mmu->mirror_root_hpa, .pgd = {.known = KM_ABSENT}};
	struct km_node *table = km_doc_table(node, "roots", NULL);

	km_doc_column(table, "name", "ROOT", false);
	km_doc_column(table, "hpa", "HPA", false);
	km_doc_column(table, "pgd", "PGD (CR3, EPTP, nCR3)", false);
	add_root(table, "root", &mmu->root);
	for (int i = 0; i < KM_PREV_ROOTS; i++)
		add_root(table, km_doc_text(node, "prev_roots[%d]", i), &mmu->prev_roots[i]);
	if (km_is_known(mirror.hpa) && mirror.hpa.v && km_valid_page(mirror.hpa.v))
		add_root(table, "mirror_root", &mirror);
}

static void describe_special_roots(struct km_node *node, const struct km_mmu *mmu)
{
	const struct {
		const char *name;
		struct km_val at;
	} roots[] = {{"pae_root", mmu->pae_root},
		     {"pml4_root", mmu->pml4_root},
		     {"pml5_root", mmu->pml5_root}};
	struct km_node *section = km_doc_compact(node, "special_roots", NULL);

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		km_doc_field(section, roots[i].name,
			     km_is_known(roots[i].at) && !roots[i].at.v ? NULL : roots[i].name,
			     km_v_val(roots[i].at, KM_V_HEX));
}

/* The guest's own paging, as the context sees it. */
static void describe_guest_walk(struct km_node *node, const struct km_kernel *k,
				const struct km_pagewalk *pagewalk)
{
	struct km_node *w = km_doc_section(node, "w", NULL);

	km_doc_field(w, "name", NULL, km_v_text(pagewalk->name));
	if (!pagewalk->role_known) {
		km_doc_note(w, "the role of %s is not readable", pagewalk->name);
		return;
	}
	describe_page_role(w, k, "base", "cpu_role.base", &pagewalk->cpu_role.base);
	describe_ext_role(w, k, &pagewalk->cpu_role.ext);
}

static void describe_mmu(struct km_node *list, const struct km_kernel *k, const struct km_mmu *mmu)
{
	struct km_node *node =
		km_doc_section(list, NULL,
			       km_doc_text(list, "%s at 0x%" PRIx64 "%s%s", mmu->name, mmu->addr,
					   mmu->active ? ", active" : "",
					   !mmu->readable ? ", not readable"
					   : mmu->used	  ? ""
							  : ", never used"));

	km_doc_field(node, "name", NULL, km_v_text(mmu->name));
	km_doc_field(node, "address", NULL, km_v_hex(mmu->addr));
	km_doc_field(node, "active", NULL, km_v_bool(mmu->active));
	km_doc_field(node, "used", NULL, km_v_bool(mmu->used));
	if (!mmu->readable || !mmu->used)
		return;
	km_doc_field(node, "direct", NULL, km_v_bool(mmu->root_role.direct));
	km_doc_field(node, "paging", NULL, km_v_text(km_paging_text(mmu->paging)));
	km_doc_note(node, "%s, %s: its faults are %s", km_paging_text(mmu->paging),
		    mmu->root_role.direct ? "direct" : "indirect",
		    !mmu->root_role.direct   ? "handled by FNAME(page_fault)"
		    : k->features.spte_table ? "checked by spte_permission_fault()"
					     : "checked by is_access_allowed()");
	describe_page_role(node, k, "root_role", "root_role", &mmu->root_role);
	if (mmu->w)
		describe_guest_walk(node, k, mmu->w);
	describe_roots(node, mmu);
	describe_special_roots(node, mmu);
}

static void describe_masks(struct km_node *root, const struct km_kernel *k,
			   const struct km_spte_masks *m)
{
	struct km_node *section = km_doc_compact(root, "masks", "SPTE masks");
	const struct {
		const char *key;
		uint64_t value;
	} fields[] = {
		{"shadow_present_mask", m->present},
		{"shadow_user_mask", m->user},
		{"shadow_nx_mask", m->nx},
		{m->layout->xs_xu ? "shadow_xs_mask" : "shadow_x_mask", m->x},
		{"shadow_xu_mask", m->xu},
		{"shadow_accessed_mask", m->accessed},
		{"shadow_dirty_mask", m->dirty},
		{"shadow_host_writable_mask", m->host_writable},
		{"shadow_mmu_writable_mask", m->mmu_writable},
		{"shadow_acc_track_mask", m->acc_track},
		{"shadow_mmio_value", m->mmio_value},
		{"shadow_mmio_mask", m->mmio_mask},
		{"shadow_mmio_access_mask", m->mmio_access},
		{"shadow_me_value", m->me_value},
		{"shadow_me_mask", m->me_mask},
		{"shadow_nonpresent_or_rsvd_mask", m->nonpresent_or_rsvd},
	};

	if (!k->features.spte_known) {
		km_doc_note(root,
			    "some SPTE masks of this kernel are unknown or not readable: there are "
			    "no verdicts on SPTEs");
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		km_doc_field(section, fields[i].key, fields[i].value ? fields[i].key : NULL,
			     km_v_hex(fields[i].value));
	km_doc_field(section, "kvm_ad_enabled", "kvm_ad_enabled", km_v_bool(m->ad_enabled));
	km_doc_field(section, "enable_mmio_caching", "enable_mmio_caching",
		     km_v_bool(m->mmio_caching));
	km_doc_field(section, "tdp_enabled", "tdp_enabled", km_v_bool(k->features.tdp));
	km_doc_field(section, "software_bits", "software bits as in Linux",
		     km_v_text(m->layout->name));
}

km_error *km_command_mmu(struct km_command_context *ctx)
{
	struct km_spte_masks masks;
	struct km_vcpu_mmu all;
	struct km_vcpu *vcpu;
	struct km_vm *vm;
	struct km_node *list;
	km_error *err = km_context_read_vms(ctx);

	if (!err)
		err = km_select_vcpu(&ctx->vms, ctx->argv[0], &vm, &vcpu);
	if (!err)
		err = km_check_covered(&ctx->vms, vm, vcpu);
	if (err)
		return err;
	km_describe_vcpu(ctx->root, "vcpu", vm, vcpu);
	km_vcpu_mmu_read(ctx->kernel, vcpu, &all);
	list = km_doc_list(ctx->root, "mmus");
	for (size_t i = 0; i < all.mmu_count; i++)
		describe_mmu(list, ctx->kernel, &all.mmus[i]);
	if (!all.active)
		km_doc_note(ctx->root,
			    "vcpu.arch.mmu is not readable or does not point to any of them");
	masks = km_vm_masks(ctx->kernel, vm);
	describe_masks(ctx->root, ctx->kernel, &masks);
	return NULL;
}
