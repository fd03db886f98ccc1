// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/panel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *km_judge_name(enum km_judge judge)
{
	static const char *const names[] = {"processor", "kernel table", "role", "legacy"};

	return names[judge];
}

const char *km_ruling_text(enum km_ruling ruling)
{
	static const char *const texts[] = {"allows", "denies", "-"};

	return texts[ruling];
}

/* What the judges need. */
struct panel_inputs {
	const struct km_kernel *kernel;
	const struct km_spte_masks *masks;
	const struct km_mmu *mmu;
	const struct km_walk *walk;
	const struct km_walk_level *last;  /* NULL: no entry was read */
	const struct km_perm_table *table; /* for SPTEs, or NULL */
	uint16_t role_words[KM_PERM_WORDS];
	bool role_words_known;
	struct km_spf table_spf, role_spf;
	bool rmp; /* the RMP denied the access */
};

static void set_ruling(struct km_verdict *v, enum km_ruling ruling, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void set_ruling(struct km_verdict *v, enum km_ruling ruling, const char *fmt, ...)
{
	va_list ap;

	v->ruling = ruling;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

/* Is there no entry to judge? The end of the walk gives the reason. */
static bool no_entry(const struct panel_inputs *in, struct km_verdict *v)
{
	if (in->last && in->walk->end != KM_END_UNREADABLE)
		return false;
	set_ruling(v, KM_NO_RULING, "the walk has no last SPTE");
	return true;
}

static void judge_processor(struct panel_inputs *in, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_PROCESSOR];
	struct km_hw_entry entries[KM_WALK_LEVELS];
	struct km_cpu_paging cpu = {
		.paging = in->mmu->paging,
		.mbec = km_mmu_has_mbec(in->mmu),
		.gmet = km_mmu_has_gmet(in->mmu),
		.nx = true,
	};
	struct km_hw_verdict hw;

	v->consulted = true;
	if (in->mmu->paging == KM_PAGING_SHADOW && in->mmu->w && in->mmu->w->role_known)
		cpu.cr4_smep = km_cpu_role_cr4_smep(&in->mmu->w->cpu_role);
	for (size_t i = 0; i < in->walk->count; i++)
		entries[i] = (struct km_hw_entry){in->walk->levels[i].spte.value,
						  in->walk->levels[i].level};
	if (!in->walk->count) {
		set_ruling(v, KM_NO_RULING, "no entry was read");
		return;
	}
	hw = km_processor_judges(in->masks, &cpu, in->mmu->rsvd_known ? &in->mmu->rsvd : NULL,
				 entries, in->walk->count, panel->error_code,
				 in->walk->levels[0].special ? 3 : 0);
	in->rmp = hw.rmp;
	if (!hw.denied && in->mmu->paging == KM_PAGING_SHADOW &&
	    !(in->mmu->w && in->mmu->w->role_known) && (panel->error_code & PFERR_FETCH_MASK) &&
	    !(panel->error_code & PFERR_USER_MASK))
		set_ruling(v, KM_NO_RULING, "it is not known whether SMEP forbids the access");
	else if (hw.denied)
		set_ruling(v, KM_DENIES, "level %d: %s", hw.level,
			   km_hw_reason_text(hw.reason, in->mmu->paging));
	else if (hw.rmp)
		set_ruling(v, KM_NO_RULING,
			   "no entry of the walk forbids the access; the RMP (SEV-SNP) denied it, "
			   "which is not among these structures");
	else if (hw.incomplete)
		set_ruling(v, KM_NO_RULING,
			   "no entry so far forbids the access; the rest of the walk is missing");
	else
		set_ruling(v, KM_ALLOWS, "no entry of the walk forbids the access");
}

/* Look the access up in one of the two tables: words[index], and the bit that decides. */
static void look_up(const struct panel_inputs *in, const uint16_t words[KM_PERM_WORDS],
		    const char *what, const struct km_panel *panel, struct km_spf *spf,
		    struct km_verdict *v)
{
	char acc[16];

	*spf = km_spte_permission_fault(in->masks, words, in->last->spte.value, panel->error_code,
					panel->form);
	if (spf->not_present) {
		set_ruling(v, KM_DENIES, "not MMU-present: the table is not consulted");
		return;
	}
	if (spf->out_of_range) {
		set_ruling(v, KM_NO_RULING, "index %" PRIu64 " is past the table", spf->index);
		return;
	}
	km_acc_spell(KM_ACC_RWUX, spf->acc, in->masks->paging == KM_PAGING_EPT, acc, sizeof(acc));
	set_ruling(v, spf->denied ? KM_DENIES : KM_ALLOWS,
		   "%s[%" PRIu64 "] = %04x, bit %u (%s) is %d", what, spf->index, words[spf->index],
		   spf->acc, acc, spf->denied);
}

static void judge_table(struct panel_inputs *in, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_TABLE];

	if (!in->table) {
		set_ruling(v, KM_NO_RULING, "this kernel has no table for SPTEs");
		return;
	}
	v->consulted = in->mmu->root_role.direct;
	if (no_entry(in, v))
		return;
	if (in->table->status == KM_TABLE_UNREADABLE || in->table->status == KM_TABLE_UNUSED ||
	    in->table->status == KM_TABLE_NO_VERDICT)
		set_ruling(v, KM_NO_RULING, "%s: %s", in->table->context,
			   km_table_status_text(in->table->status));
	else
		look_up(in, in->table->words, "permissions", panel, &in->table_spf, v);
}

static void judge_role(struct panel_inputs *in, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_ROLE];

	if (no_entry(in, v))
		return;
	if (!in->role_words_known)
		set_ruling(v, KM_NO_RULING, "the role is not known: the table cannot be rebuilt");
	else
		look_up(in, in->role_words, "rebuilt", panel, &in->role_spf, v);
}

static void judge_legacy(struct panel_inputs *in, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_LEGACY];
	bool allowed;

	v->consulted = !in->kernel->features.spte_table && in->mmu->root_role.direct;
	if (no_entry(in, v))
		return;
	if (in->last->spte.kind != KM_SPTE_PRESENT) {
		set_ruling(v, KM_DENIES, "the last SPTE is not MMU-present");
		return;
	}
	allowed = km_is_access_allowed(in->masks, in->last->spte.value, panel->error_code);
	set_ruling(v, allowed ? KM_ALLOWS : KM_DENIES, "is_access_allowed() checks only %s",
		   panel->error_code & PFERR_FETCH_MASK	  ? "X"
		   : panel->error_code & PFERR_WRITE_MASK ? "W"
							  : "bit 0 (R or P)");
}

static void add_meaning(struct km_panel *panel, const char *id, enum km_certainty certainty,
			const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void add_meaning(struct km_panel *panel, const char *id, enum km_certainty certainty,
			const char *fmt, ...)
{
	struct km_meaning *m;
	va_list ap;

	if (panel->meaning_count == KM_MEANINGS)
		return;
	m = &panel->meanings[panel->meaning_count++];
	m->id = id;
	m->certainty = certainty;
	va_start(ap, fmt);
	vsnprintf(m->text, sizeof(m->text), fmt, ap);
	va_end(ap);
}

static enum km_ruling ruling(const struct km_panel *panel, enum km_judge judge)
{
	return panel->verdicts[judge].ruling;
}

/* The table contradicts its role, which is a finding independent of the access. */
static void explain_table(const struct panel_inputs *in, struct km_panel *panel)
{
	bool asked = panel->verdicts[KM_JUDGE_TABLE].consulted;
	enum km_ruling table = ruling(panel, KM_JUDGE_TABLE), role = ruling(panel, KM_JUDGE_ROLE);
	enum km_ruling hw = ruling(panel, KM_JUDGE_PROCESSOR);

	if (!in->table || in->table->status != KM_TABLE_DIFFERS)
		return;
	add_meaning(
		panel, "perm-table-mismatch", KM_PROVEN,
		"%u of 16 words of %s.permissions differ from what root_role implies (see perms)",
		km_table_differences(in->table), in->table->context);
	if (table == role || table == KM_NO_RULING || role == KM_NO_RULING)
		add_meaning(panel, "mismatch-elsewhere", KM_NOTE,
			    "both tables give the same result for this access: the mismatch does "
			    "not affect it");
	else if (!asked)
		add_meaning(panel, "mismatch-not-consulted", KM_NOTE,
			    "the kernel does not consult the table on an indirect MMU: the "
			    "mismatch does not affect this fault");
	else if (table == KM_ALLOWS && hw == KM_DENIES)
		add_meaning(panel, "spurious-loop", KM_LIKELY,
			    "the processor denies what the kernel's table allows: "
			    "fast_page_fault() treats "
			    "the fault as spurious and re-enters the guest, which faults again; "
			    "pf_spurious rises, pf_fixed does not");
	else if (table == KM_DENIES && hw == KM_ALLOWS)
		add_meaning(panel, "spurious-not-seen", KM_LIKELY,
			    "the processor allows what the kernel's table denies: KVM takes the "
			    "slow path "
			    "for spurious faults");
}

static void explain_present(const struct panel_inputs *in, struct km_panel *panel)
{
	const struct km_spte *spte = &in->last->spte;
	enum km_ruling hw = ruling(panel, KM_JUDGE_PROCESSOR);
	enum km_ruling asked = ruling(panel, in->table ? KM_JUDGE_TABLE : KM_JUDGE_LEGACY);
	enum km_ruling role = ruling(panel, KM_JUDGE_ROLE);
	bool mismatch = in->table && in->table->status == KM_TABLE_DIFFERS;

	if (in->rmp)
		add_meaning(panel, "rmp", KM_NOTE,
			    "the processor denied the access because of the RMP (SEV-SNP), not "
			    "because of an SPTE");
	else if (hw == KM_ALLOWS && role == KM_ALLOWS) {
		add_meaning(panel, "spte-allows", KM_NOTE,
			    "the SPTE permits the access now: it was fixed after the fault, or the "
			    "TLB is "
			    "stale; by itself, this is healthy");
	} else if (hw == KM_DENIES && role == KM_DENIES && (asked == KM_DENIES || mismatch)) {
		bool write = panel->error_code & PFERR_WRITE_MASK && !spte->w;

		add_meaning(
			panel, "spte-denies", KM_NOTE,
			"the SPTE forbids the access: the fault is %s",
			spte->access_tracked ? "explained by access tracking, which KVM reverts"
			: write && spte->mmu_writable
				? "explained, and KVM may set W (the SPTE is MMU-writable)"
			: write && !spte->host_writable ? "explained: the host maps the page "
							  "read-only (host-writable is clear)"
			: write ? "explained: KVM write-protects the page (MMU-writable is clear)"
				: "explained; KVM has to change the entry, or to inject a fault "
				  "into the guest");
	} else if (hw == KM_DENIES && role == KM_ALLOWS) {
		add_meaning(panel, "hardware-stricter", KM_POSSIBLE,
			    "the processor denies the access (%s), but the role allows it: the "
			    "reason is reserved bits, an upper level, or a check that this rule "
			    "does not include",
			    panel->verdicts[KM_JUDGE_PROCESSOR].why);
	} else if (hw == KM_ALLOWS && role == KM_DENIES) {
		add_meaning(panel, "role-stricter", KM_NOTE,
			    "the role denies what the processor allows: KVM would change the entry "
			    "again; this is healthy if pf_fixed rises");
	}
}

static void explain_missing(const struct panel_inputs *in, struct km_panel *panel)
{
	const struct km_walk_level *last = in->last;

	switch (last->spte.kind) {
	case KM_SPTE_MMIO:
		add_meaning(panel, "mmio", KM_NOTE,
			    "the entry is an MMIO SPTE (generation %" PRIu64
			    "): the access is handled by the VMM or an in-kernel device",
			    last->spte.mmio_generation);
		break;
	case KM_SPTE_FROZEN:
		add_meaning(panel, "frozen-spte", KM_NOTE,
			    "the entry is frozen: KVM retries until the task that changes it has "
			    "finished");
		break;
	case KM_SPTE_EMPTY:
	case KM_SPTE_NOT_PRESENT:
	case KM_SPTE_PRESENT:
		add_meaning(panel, "not-mapped", KM_NOTE,
			    "nothing is mapped at level %d: this explains the fault, and KVM has "
			    "to map the page, if a memslot contains it",
			    last->level);
	}
}

static void explain(const struct panel_inputs *in, struct km_panel *panel)
{
	enum km_ruling legacy = ruling(panel, KM_JUDGE_LEGACY);
	enum km_ruling role = ruling(panel, KM_JUDGE_ROLE);

	explain_table(in, panel);
	if (in->walk->end == KM_END_LEAF)
		explain_present(in, panel);
	else if (in->walk->end == KM_END_NOT_PRESENT)
		explain_missing(in, panel);
	else if (in->walk->end == KM_END_UNREADABLE)
		add_meaning(panel, "open", KM_NOTE,
			    "the walk ends at an unreadable entry: it is not known whether the "
			    "SPTE allows "
			    "the access");
	else
		add_meaning(panel, "no-walk", KM_NOTE,
			    "the walk has no entry to check: see where it ends");
	if (!in->mmu->root_role.direct)
		add_meaning(panel, "indirect", KM_NOTE,
			    "indirect MMU: KVM consults neither the table nor the legacy test, but "
			    "walks the guest's page tables in FNAME(page_fault)");
	if (legacy != KM_NO_RULING && role != KM_NO_RULING && legacy != role &&
	    in->walk->end == KM_END_LEAF)
		add_meaning(panel, "legacy-differs", KM_NOTE,
			    "for such SPTEs, the legacy test differs from the new one by design, "
			    "because it checks only one bit; this does not indicate a bug");
	if (panel->form == KM_SPF_V1 && in->table_spf.out_of_range)
		add_meaning(panel, "out-of-range-index", KM_LIKELY,
			    "with this error code, the version posted first uses index %" PRIu64
			    " of 16 words: it reads past the end of the table",
			    in->table_spf.index);
}

bool km_spte_words_of_role(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			   const struct km_mmu *mmu, uint16_t words[KM_PERM_WORDS])
{
	struct km_page_role role = mmu->root_role;
	bool tdp = !strcmp(mmu->name, "guest_mmu") || kernel->features.tdp;
	struct km_perm_inputs inputs;

	if (!mmu->used || !mmu->readable || !kernel->features.spte_known)
		return false;
	if (!kernel->page_role.cr4_smep.width && !role.direct && mmu->w)
		role.cr4_smep = km_cpu_role_cr4_smep(&mmu->w->cpu_role);
	inputs =
		km_spte_perm_inputs(KM_ACC_RWUX, &role, tdp, tdp && masks->paging == KM_PAGING_EPT);
	km_update_permission_bitmask(&inputs, words);
	return true;
}

void km_panel_judge(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		    const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
		    const struct km_walk *walk, uint64_t error_code, enum km_spf_form form,
		    struct km_panel *panel)
{
	struct panel_inputs in = {
		.kernel = kernel,
		.masks = masks,
		.mmu = mmu,
		.walk = walk,
		.last = km_walk_last(walk),
		.table = km_spte_table(all, mmu),
	};

	memset(panel, 0, sizeof(*panel));
	panel->error_code = error_code;
	panel->form = form;
	in.role_words_known = km_spte_words_of_role(kernel, masks, mmu, in.role_words);
	judge_processor(&in, panel);
	judge_table(&in, panel);
	judge_role(&in, panel);
	judge_legacy(&in, panel);
	explain(&in, panel);
}
