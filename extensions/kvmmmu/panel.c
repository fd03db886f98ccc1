// SPDX-License-Identifier: GPL-2.0-or-later
#include "panel.h"

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

/* All that the judges look at. */
struct hearing {
	const struct km_kernel *kernel;
	const struct km_spte_masks *masks;
	const struct km_mmu *mmu;
	const struct km_walk *walk;
	const struct km_walk_level *last;  /* NULL if no entry was read */
	const struct km_perm_table *table; /* of SPTE permissions, or NULL */
	uint16_t role_words[KM_PERM_WORDS];
	bool role_words_known;
	struct km_spf table_spf, role_spf;
};

static void rule(struct km_verdict *v, enum km_ruling ruling, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void rule(struct km_verdict *v, enum km_ruling ruling, const char *fmt, ...)
{
	va_list ap;

	v->ruling = ruling;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

/* Without an entry there is nothing to judge; the walk's end says why. */
static bool no_entry(const struct hearing *h, struct km_verdict *v)
{
	if (h->last && h->walk->end != KM_END_UNREADABLE)
		return false;
	rule(v, KM_NO_RULING, "no last SPTE to judge");
	return true;
}

static void ask_processor(struct hearing *h, struct km_panel *panel)
{
	const struct km_page_role *role = &h->mmu->root_role;
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_PROCESSOR];
	struct km_hw_entry entries[KM_WALK_LEVELS];
	struct km_cpu_paging cpu = {
		.paging = h->mmu->paging,
		.mbec = h->mmu->paging == KM_PAGING_EPT && role->cr4_smep,
		.gmet = h->mmu->paging == KM_PAGING_NPT && role->cr4_smep,
		.nx = true,
	};
	struct km_hw_verdict hw;

	v->consulted = true;
	if (h->mmu->paging == KM_PAGING_SHADOW && h->mmu->w && h->mmu->w->role_known)
		cpu.cr4_smep = km_cpu_role_cr4_smep(&h->mmu->w->cpu_role);
	for (size_t i = 0; i < h->walk->count; i++)
		entries[i] = (struct km_hw_entry){h->walk->levels[i].spte.value,
						  h->walk->levels[i].level};
	if (!h->walk->count) {
		rule(v, KM_NO_RULING, "no entry was read");
		return;
	}
	hw = km_processor_judges(h->masks, &cpu, h->mmu->rsvd_known ? &h->mmu->rsvd : NULL, entries,
				 h->walk->count, panel->error_code,
				 h->walk->levels[0].special ? 3 : 0);
	if (!hw.denied && h->mmu->paging == KM_PAGING_SHADOW &&
	    !(h->mmu->w && h->mmu->w->role_known) && (panel->error_code & PFERR_FETCH_MASK) &&
	    !(panel->error_code & PFERR_USER_MASK))
		rule(v, KM_NO_RULING, "whether SMEP forbids it is not known");
	else if (hw.denied)
		rule(v, KM_DENIES, "level %d: %s", hw.level,
		     km_hw_reason_text(hw.reason, h->mmu->paging));
	else if (hw.incomplete)
		rule(v, KM_NO_RULING, "so far allowed; the rest is missing");
	else
		rule(v, KM_ALLOWS, "no entry of the walk forbids the access");
}

/* One of the two tables: words[index] and the bit that decides. */
static void ask_words(const struct hearing *h, const uint16_t words[KM_PERM_WORDS],
		      const char *what, const struct km_panel *panel, struct km_spf *spf,
		      struct km_verdict *v)
{
	char acc[16];

	*spf = km_spte_permission_fault(h->masks, words, h->last->spte.value, panel->error_code,
					panel->form);
	if (spf->not_present) {
		rule(v, KM_DENIES, "not MMU-present: no word is looked up");
		return;
	}
	if (spf->out_of_range) {
		rule(v, KM_NO_RULING, "index %" PRIu64 " is past the table", spf->index);
		return;
	}
	km_acc_spell(KM_ACC_RWUX, spf->acc, h->masks->paging == KM_PAGING_EPT, acc, sizeof(acc));
	rule(v, spf->denied ? KM_DENIES : KM_ALLOWS, "%s[%" PRIu64 "] = %04x, bit %u (%s) is %d",
	     what, spf->index, words[spf->index], spf->acc, acc, spf->denied);
}

static void ask_table(struct hearing *h, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_TABLE];

	if (!h->table) {
		rule(v, KM_NO_RULING, "this kernel has no table for SPTEs");
		return;
	}
	v->consulted = h->mmu->root_role.direct;
	if (no_entry(h, v))
		return;
	if (h->table->status == KM_TABLE_UNREADABLE || h->table->status == KM_TABLE_UNUSED ||
	    h->table->status == KM_TABLE_NO_VERDICT)
		rule(v, KM_NO_RULING, "%s: %s", h->table->context,
		     km_table_status_text(h->table->status));
	else
		ask_words(h, h->table->words, "permissions", panel, &h->table_spf, v);
}

static void ask_role(struct hearing *h, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_ROLE];

	if (no_entry(h, v))
		return;
	if (!h->role_words_known)
		rule(v, KM_NO_RULING, "no role to rebuild the table from");
	else
		ask_words(h, h->role_words, "rebuilt", panel, &h->role_spf, v);
}

static void ask_legacy(struct hearing *h, struct km_panel *panel)
{
	struct km_verdict *v = &panel->verdicts[KM_JUDGE_LEGACY];
	bool allowed;

	v->consulted = !h->kernel->features.spte_table && h->mmu->root_role.direct;
	if (no_entry(h, v))
		return;
	if (h->last->spte.kind != KM_SPTE_PRESENT) {
		rule(v, KM_DENIES, "the last SPTE is not MMU-present");
		return;
	}
	allowed = km_is_access_allowed(h->masks, h->last->spte.value, panel->error_code);
	rule(v, allowed ? KM_ALLOWS : KM_DENIES, "is_access_allowed() looks at %s only",
	     panel->error_code & PFERR_FETCH_MASK   ? "X"
	     : panel->error_code & PFERR_WRITE_MASK ? "W"
						    : "bit 0 (R or P)");
}

static void mean(struct km_panel *panel, const char *id, enum km_certainty certainty,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void mean(struct km_panel *panel, const char *id, enum km_certainty certainty,
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

/* The table contradicts its role: the one thing that accuses by itself. */
static void explain_table(const struct hearing *h, struct km_panel *panel)
{
	bool asked = panel->verdicts[KM_JUDGE_TABLE].consulted;
	enum km_ruling table = ruling(panel, KM_JUDGE_TABLE), role = ruling(panel, KM_JUDGE_ROLE);
	enum km_ruling hw = ruling(panel, KM_JUDGE_PROCESSOR);

	if (!h->table || h->table->status != KM_TABLE_DIFFERS)
		return;
	mean(panel, "perm-table-mismatch", KM_PROVEN,
	     "%s.permissions differs from what root_role implies in %u of 16 words (see perms)",
	     h->table->context, km_table_differences(h->table));
	if (table == role || table == KM_NO_RULING || role == KM_NO_RULING)
		mean(panel, "mismatch-elsewhere", KM_NOTE,
		     "this access is judged the same by both tables: the mismatch does not decide "
		     "it");
	else if (!asked)
		mean(panel, "mismatch-not-consulted", KM_NOTE,
		     "the kernel does not consult the table on an indirect MMU: the mismatch does "
		     "not decide this fault");
	else if (table == KM_ALLOWS && hw == KM_DENIES)
		mean(panel, "spurious-loop", KM_LIKELY,
		     "the processor denies what the kernel's table allows: fast_page_fault() takes "
		     "the fault for spurious and re-enters the guest, which faults again, for "
		     "ever; pf_spurious climbs, pf_fixed stands");
	else if (table == KM_DENIES && hw == KM_ALLOWS)
		mean(panel, "spurious-not-seen", KM_LIKELY,
		     "the processor allows what the kernel's table denies: KVM takes the slow path "
		     "for faults that are spurious");
}

static void explain_present(const struct hearing *h, struct km_panel *panel)
{
	const struct km_spte *spte = &h->last->spte;
	enum km_ruling hw = ruling(panel, KM_JUDGE_PROCESSOR);
	enum km_ruling asked = ruling(panel, h->table ? KM_JUDGE_TABLE : KM_JUDGE_LEGACY);
	enum km_ruling role = ruling(panel, KM_JUDGE_ROLE);
	bool mismatch = h->table && h->table->status == KM_TABLE_DIFFERS;

	if (hw == KM_ALLOWS && role == KM_ALLOWS) {
		mean(panel, "spte-allows", KM_NOTE,
		     "the SPTE permits the access now: the fault is older than the SPTE (fixed "
		     "since), or the TLB is stale; this alone is healthy");
	} else if (hw == KM_DENIES && role == KM_DENIES && (asked == KM_DENIES || mismatch)) {
		bool write = panel->error_code & PFERR_WRITE_MASK && !spte->w;

		mean(panel, "spte-denies", KM_NOTE, "the SPTE forbids the access: the fault is %s",
		     spte->access_tracked ? "explained by access tracking, which KVM undoes"
		     : write && spte->mmu_writable
			     ? "explained, and KVM may set W itself (MMU-writable)"
		     : write && !spte->host_writable
			     ? "explained: the host's mapping is read-only (host-writable clear)"
		     : write ? "explained: KVM write-protects the page (MMU-writable clear)"
			     : "explained; KVM has to change the entry, or the guest to be told");
	} else if (hw == KM_DENIES && role == KM_ALLOWS) {
		mean(panel, "hardware-stricter", KM_POSSIBLE,
		     "the processor denies (%s), yet the role's rule allows: reserved bits, an "
		     "upper "
		     "level, or a rule that misses what this processor checks",
		     panel->verdicts[KM_JUDGE_PROCESSOR].why);
	} else if (hw == KM_ALLOWS && role == KM_DENIES) {
		mean(panel, "role-stricter", KM_NOTE,
		     "the role's rule denies what the processor allows: KVM would change the entry "
		     "again; healthy if pf_fixed climbs");
	}
}

static void explain_missing(const struct hearing *h, struct km_panel *panel)
{
	const struct km_walk_level *last = h->last;

	switch (last->spte.kind) {
	case KM_SPTE_MMIO:
		mean(panel, "mmio", KM_NOTE,
		     "the entry marks MMIO (generation %" PRIu64
		     "): the access is for the VMM or an "
		     "in-kernel device",
		     last->spte.mmio_generation);
		break;
	case KM_SPTE_FROZEN:
		mean(panel, "frozen-spte", KM_NOTE,
		     "the entry is frozen: KVM retries until whoever changes it is done");
		break;
	default:
		mean(panel, "not-mapped", KM_NOTE,
		     "nothing is mapped at level %d: the fault is explained, KVM has to map the "
		     "page",
		     last->level);
	}
}

static void explain(const struct hearing *h, struct km_panel *panel)
{
	enum km_ruling legacy = ruling(panel, KM_JUDGE_LEGACY);
	enum km_ruling role = ruling(panel, KM_JUDGE_ROLE);

	explain_table(h, panel);
	if (h->walk->end == KM_END_LEAF)
		explain_present(h, panel);
	else if (h->walk->end == KM_END_NOT_PRESENT)
		explain_missing(h, panel);
	else if (h->walk->end == KM_END_UNREADABLE)
		mean(panel, "open", KM_NOTE,
		     "the walk ends where nothing is readable: whether the SPTE allows the "
		     "access stays open");
	else
		mean(panel, "no-walk", KM_NOTE, "there is no entry to judge: see the walk's end");
	if (!h->mmu->root_role.direct)
		mean(panel, "indirect", KM_NOTE,
		     "indirect MMU: KVM asks neither table nor legacy test here, it goes through "
		     "FNAME(page_fault) and the guest's own tables");
	if (legacy != KM_NO_RULING && role != KM_NO_RULING && legacy != role &&
	    h->walk->end == KM_END_LEAF)
		mean(panel, "legacy-differs", KM_NOTE,
		     "the legacy test differs from the new one by design on such SPTEs (it looks "
		     "at "
		     "one bit only); that accuses nobody");
	if (panel->form == KM_SPF_V1 && h->table_spf.out_of_range)
		mean(panel, "out-of-range-index", KM_LIKELY,
		     "the form first posted indexes word %" PRIu64
		     " of 16 with this error code: it "
		     "reads memory past the table",
		     h->table_spf.index);
}

bool km_spte_words_of_role(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			   const struct km_mmu *mmu, uint16_t words[KM_PERM_WORDS])
{
	struct km_page_role role = mmu->root_role;
	bool tdp = !strcmp(mmu->name, "guest_mmu") || kernel->features.tdp;
	struct km_perm_inputs in;

	if (!mmu->used || !mmu->readable || !kernel->features.spte_known)
		return false;
	if (!kernel->page_role.cr4_smep.width && !role.direct && mmu->w)
		role.cr4_smep = km_cpu_role_cr4_smep(&mmu->w->cpu_role);
	in = km_spte_perm_inputs(KM_ACC_RWUX, &role, tdp, tdp && masks->paging == KM_PAGING_EPT);
	km_update_permission_bitmask(&in, words);
	return true;
}

void km_panel_judge(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		    const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
		    const struct km_walk *walk, uint64_t error_code, enum km_spf_form form,
		    struct km_panel *panel)
{
	struct hearing h = {
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
	h.role_words_known = km_spte_words_of_role(kernel, masks, mmu, h.role_words);
	ask_processor(&h, panel);
	ask_table(&h, panel);
	ask_role(&h, panel);
	ask_legacy(&h, panel);
	explain(&h, panel);
}
