// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host page is poisoned (a memory error): kvm_handle_error_pfn() sends the vCPU's thread
 * SIGBUS and re-enters the guest. The signal interrupts KVM_RUN, unless it is blocked or ignored:
 * then the guest faults again and again.
 */
#include "kernel/more_evidence.h"
#include "kernel/struct_page.h"
#include "diagnose/diagnose_rules.h"
#include "walk/host_entry.h"
#include "walk/host_walk.h"

#include <inttypes.h>

/* include/linux/kvm_host.h */
#define KVM_PFN_ERR_HWPOISON ((0x7ffULL << 52) + 1)

#define SIGBUS_BIT KM_BIT(6)
#define SIG_IGN	   1

static struct km_val is_poisoned(const struct km_kernel *k, const struct km_host_pte *host)
{
	struct km_host_entry entry;
	uint64_t pfn = host->pa >> KM_PAGE_SHIFT;

	if (!host->known)
		return (struct km_val){.known = KM_UNREADABLE};
	if (!host->present) {
		entry = km_host_entry_read(k, host->value);
		if (entry.kind == KM_HOST_MARKER)
			return km_known_val(!!(entry.offset & PTE_MARKER_POISONED));
		/* a swap slot has no page; the kernel's own kinds of entry contain a pfn */
		if (entry.kind < KM_HOST_MIGRATION)
			return km_known_val(0);
		pfn = entry.pfn;
	}
	return km_page_flag(k, km_pfn_to_page(k, pfn), "PG_hwpoison");
}

/* Is SIGBUS in that set of signals of @task: 0 or 1. */
static struct km_val sigbus_in(const struct km_kernel *k, uint64_t task, enum km_member_id set)
{
	bool before = km_more_evidence_begin(k);
	struct km_val word = km_kelem(k, task, set, 0);

	km_more_evidence_end(k, before);

	return km_is_known(word) ? km_known_val(!!(word.v & SIGBUS_BIT)) : word;
}

static void read_signals(const struct km_case *c, struct km_hwpoison_facts *f)
{
	struct km_val task = c->vcpu->task, sighand, handler = {.known = KM_UNREADABLE};

	f->blocked = f->pending = f->ignored = handler;
	if (!km_is_known(task) || !task.v)
		return;
	f->blocked = sigbus_in(c->kernel, task.v, KM_M_task_struct_blocked);
	f->pending = sigbus_in(c->kernel, task.v, KM_M_task_struct_pending);
	sighand = km_more_evidence(c->kernel, task.v, KM_M_task_struct_sighand);
	if (km_is_known(sighand) && sighand.v)
		handler =
			km_more_evidence(c->kernel, sighand.v, KM_M_sighand_struct_sigbus_handler);
	f->ignored = km_is_known(handler) ? km_known_val(handler.v == SIG_IGN) : handler;
}

/* Did the handler get KVM_PFN_ERR_HWPOISON? */
static bool handler_got_it(const struct km_case *c)
{
	return km_case_in_handler(c) && km_is_known(c->fault->pf.pfn) &&
	       c->fault->pf.pfn.v == KVM_PFN_ERR_HWPOISON;
}

static const char *flag_text(struct km_val flag)
{
	return !km_is_known(flag) ? "not known" : flag.v ? "yes" : "no";
}

bool km_rule_hwpoison(const struct km_case *c, const struct km_hwpoison_facts *f,
		      struct km_diagnosis *d)
{
	bool poisoned = km_is_known(f->poisoned) && f->poisoned.v;
	bool blocked = km_is_known(f->blocked) && f->blocked.v;
	bool pending = km_is_known(f->pending) && f->pending.v;
	bool ignored = km_is_known(f->ignored) && f->ignored.v;
	bool not_taken = blocked || ignored;
	bool signals_known =
		km_is_known(f->blocked) && km_is_known(f->ignored) && km_is_known(f->pending);

	if (!km_case_has_fault(c) || (!poisoned && !handler_got_it(c)))
		return false;
	d->certainty = KM_NOTE;
	if (not_taken) /* a pending signal shows that it happened before */
		d->certainty =
			km_case_in_handler(c) || (blocked && pending) ? KM_LIKELY : KM_POSSIBLE;
	else if (!signals_known)
		d->certainty = KM_POSSIBLE;
	d->stuck = not_taken;
	km_verdict_says(d, "the host page of the fault is poisoned (a memory error)%s",
			ignored ? ", and the VMM ignores the SIGBUS that KVM sends: the guest "
				  "keeps faulting"
			: blocked
				? ", and the vCPU's thread blocks SIGBUS: the guest keeps faulting"
				: ": KVM sends SIGBUS to the vCPU's thread");
	if (poisoned)
		km_evidence(d, "HVA 0x%" PRIx64 ": host page-table entry 0x%" PRIx64 " (%s), %s",
			    c->hva, f->pte, f->pte_present ? "present" : "not present",
			    km_host_pte_marker(f->pte) ? "a marker, as UFFDIO_POISON leaves it"
						       : "its struct page has PG_hwpoison");
	if (handler_got_it(c))
		km_evidence(d, "the pfn of the fault in the handler is KVM_PFN_ERR_HWPOISON");
	if (signals_known || not_taken)
		km_evidence(d, "SIGBUS in the vCPU's thread: blocked: %s, ignored: %s, pending: %s",
			    flag_text(f->blocked), flag_text(f->ignored), flag_text(f->pending));
	else if (!not_taken)
		km_leaves_open(d, "whether the VMM handles SIGBUS: the signals of the vCPU's "
				  "thread are not readable");
	return true;
}

/*
 * The fault is not known, and most were not resolved: SIGBUS waits in the vCPU's thread, which
 * blocks it.
 */
bool km_rule_hwpoison_without_fault(const struct km_case *c, const struct km_hwpoison_facts *f,
				    struct km_diagnosis *d)
{
	if (!km_is_known(f->blocked) || !f->blocked.v || !km_is_known(f->pending) ||
	    !f->pending.v || km_case_counts(c).balance != KM_BALANCE_RETRIED)
		return false;
	d->certainty = KM_LIKELY;
	km_rests_on_counts(c, KM_BALANCE_RETRIED, d);
	km_verdict_says(
		d, "most faults of this vCPU were not resolved, and SIGBUS is pending in its "
		   "thread, which blocks the signal: KVM sends SIGBUS if a host page is poisoned");
	km_evidence(d, "SIGBUS in the vCPU's thread: blocked: %s, ignored: %s, pending: %s",
		    flag_text(f->blocked), flag_text(f->ignored), flag_text(f->pending));
	km_evidence_counters(c, d);
	km_leaves_open(d, "which page it is: the vCPU's last fault is not known");
	return true;
}

bool km_diagnose_hwpoison(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_hwpoison_facts f = {.poisoned.known = KM_UNREADABLE};
	struct km_host_pte host;

	if (!km_case_has_fault(c) && km_case_counts(c).balance == KM_BALANCE_RETRIED) {
		read_signals(c, &f);
		return km_rule_hwpoison_without_fault(c, &f, d);
	}
	if (!km_case_has_fault(c) || !c->has_hva)
		return false;
	host = km_host_walk(c->kernel, c->vm, c->hva);
	f.pte = host.value;
	f.pte_present = host.present;
	f.poisoned = is_poisoned(c->kernel, &host);
	if (!handler_got_it(c) && !(km_is_known(f.poisoned) && f.poisoned.v))
		return false;
	read_signals(c, &f);
	return km_rule_hwpoison(c, &f, d);
}
