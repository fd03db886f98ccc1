// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fault whose instruction KVM's emulator did not know. prepare_emulation_failure_exit() copies
 * the information of the exit to kvm_run, for the VMM, since 5.16 (e615e355894e "KVM: x86: On
 * emulation failure, convey the exit reason, etc. to userspace"). There it stays until another exit
 * to the VMM overwrites it: interrupts and NMIs do not. AMD only: on Intel, it has no address.
 */
#include "fault/last_fault_search.h"

#include "kernel/more_evidence.h"
#include "kvm/svm.h"
#include "rules/exits.h"

#include <inttypes.h>

/* include/uapi/linux/kvm.h */
#define INTERNAL_ERROR_EMULATION	 1
#define EMULATION_FLAG_INSTRUCTION_BYTES KM_BIT(0)

/* Words of kvm_run.internal.data: the flags, the instruction if there is one, what
 * svm_get_exit_info() returns.
 */
enum {
	WORDS = 16,
	INSTRUCTION_WORDS = 2,
	EXIT_WORDS = 5, /* exit_code, exit_info_1, exit_info_2, exit_int_info and its error code */
};

static struct km_val word(const struct km_kernel *k, uint64_t run, uint64_t i)
{
	return km_kelem(k, run, KM_M_kvm_run_internal_data, (uint32_t)i);
}

/*
 * Where the information of the exit begins in internal.data; 0: there is none. The same bytes may
 * be the data of an MMIO or I/O exit, the guest's secrets: they are read only if they are known not
 * to be, and the bytes of the instruction never.
 */
static uint64_t find_exit(const struct km_kernel *k, uint64_t run)
{
	struct km_val reason = km_kget(k, run, KM_M_kvm_run_exit_reason);
	struct km_val suberror, ndata, flags;
	uint64_t at;

	/* the next KVM_RUN resets the reason only */
	if (!km_is_known(reason) ||
	    (reason.v != KVM_EXIT_INTERNAL_ERROR && reason.v != KVM_EXIT_UNKNOWN))
		return 0;
	suberror = km_kget(k, run, KM_M_kvm_run_internal_suberror);
	if (!km_is_known(suberror) || suberror.v != INTERNAL_ERROR_EMULATION)
		return 0;
	ndata = km_kget(k, run, KM_M_kvm_run_internal_ndata);
	if (!km_is_known(ndata) || ndata.v < 1 + EXIT_WORDS || ndata.v > WORDS)
		return 0;
	flags = word(k, run, 0);
	if (!km_is_known(flags) || flags.v > EMULATION_FLAG_INSTRUCTION_BYTES)
		return 0;
	at = flags.v & EMULATION_FLAG_INSTRUCTION_BYTES ? 1 + INSTRUCTION_WORDS : 1;
	return ndata.v >= at + EXIT_WORDS ? at : 0;
}

static bool is_there(const struct km_last_fault *last, uint64_t addr)
{
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (km_is_known(f->addr) && km_is_known(f->error_code) && f->addr.v == addr)
			return true;
	}
	return false;
}

static void add_exit(struct km_fault_search *search, uint64_t run, uint64_t at)
{
	struct km_val code = word(search->k, run, at);
	struct km_val error_code = word(search->k, run, at + 1);
	struct km_val addr = word(search->k, run, at + 2);
	const struct km_mmu *mmu = search->all->active;
	struct km_fault *f;

	if (!mmu || !km_is_known(code) || !km_is_known(error_code) || !km_is_known(addr) ||
	    km_svm_exit_kind(mmu->paging, code.v) == KM_EXIT_OTHER ||
	    is_there(search->last, addr.v))
		return;
	f = km_fault_add(search, KM_FAULT_RUN, KM_AGE_UNKNOWN);
	if (!f)
		return;
	f->mmu = mmu;
	f->addr = addr;
	f->error_code = error_code;
	KM_PRINT(f->from,
		 "kvm_run.internal: exit 0x%" PRIx64 " (%s), whose instruction KVM could "
		 "not emulate",
		 code.v, km_svm_exit_name(code.v));
	KM_PRINT(f->limits, "the VMM was notified of it; it is not known what happened since");
}

void km_faults_add_run(struct km_fault_search *search)
{
	const struct km_kernel *k = search->k;
	struct km_val failed, run;
	uint64_t at = 0;
	bool before;

	if (k->vendor != KM_VENDOR_AMD)
		return;
	before = km_more_evidence_begin(k);
	/* most vCPUs have no such failure: then the page of kvm_run is not read */
	failed = km_kget(k, search->vcpu->addr, KM_M_kvm_vcpu_insn_emulation_fail);
	if (!km_is_known(failed) || failed.v) {
		run = km_kget(k, search->vcpu->addr, KM_M_kvm_vcpu_run);
		at = km_is_known(run) && run.v ? find_exit(k, run.v) : 0;
	}
	if (at)
		add_exit(search, run.v, at);
	km_more_evidence_end(k, before);
}
