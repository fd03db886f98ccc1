// SPDX-License-Identifier: GPL-2.0-or-later
/* The fault in the information of the last exit: rules/exits.h defines which exits are faults. */
#include "fault/last_fault_search.h"

#include "fault/vmcs_read.h"
#include "kvm/sev.h"
#include "kvm/svm.h"
#include "kvm/vmx.h"

#include <inttypes.h>
#include <string.h>

/* Report in last->none that no thread ever ran the vCPU; false if one did or that is not known. */
static bool never_ran(const struct km_fault_search *search)
{
	if (!km_vcpu_never_ran(search->vcpu))
		return false;
	KM_PRINT(search->last->none, "no thread has ever run this vCPU, so there is no exit yet");
	return true;
}

/* " (NPF)" of a name, "" of NULL; into @buf, which is returned. */
static const char *parenthesized(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, name ? " (%s)" : "%s", name ? name : "");
	return buf;
}

static struct km_fault *add(struct km_fault_search *search, enum km_fault_source source)
{
	struct km_fault *f = km_fault_add(search, source,
					  search->handling ? KM_AGE_IN_HANDLER : KM_AGE_LAST_EXIT);

	if (f)
		f->mmu = search->all->active;
	return f;
}

/* EXITINFO1 as npf_interception() changes it; *@gmet: it set U of a fetch from the CPL. */
static uint64_t npf_error_code(const struct km_fault_search *search, const struct km_vmcb *vmcb,
			       bool *gmet)
{
	uint64_t info = vmcb->exit_info_1.v;
	struct km_npf_state state = {
		.gmet = km_mmu_has_gmet(search->all->active),
		.cpl_known = km_is_known(vmcb->cpl),
		.cpl = (unsigned)vmcb->cpl.v,
	};

	if (state.gmet && (info & PFERR_FETCH_MASK))
		state.sev_es = km_vm_sev(search->k, search->vm) == KM_SEV_ES;
	state.sev_snp = km_is_known(search->vm->vm_type) && search->vm->vm_type.v == KM_VM_SNP;
	*gmet = state.gmet && !state.sev_es && state.cpl_known && (info & PFERR_FETCH_MASK);
	return km_npf_error_code(&state, info);
}

static void say_svm_limits(const struct km_fault_search *search, const struct km_vmcb *vmcb,
			   struct km_fault *f)
{
	if (f->gmet)
		KM_PRINT(f->limits,
			 "GMET: the U bit of this fetch is taken from the CPL (%" PRIu64
			 "), as KVM does",
			 vmcb->cpl.v);
	else if (!km_is_known(f->addr))
		KM_PRINT(f->limits, "the vCPU has entered the guest since, which clears the "
				    "address; the fault may have been fixed since");
	else if (!search->handling)
		KM_PRINT(f->limits, "it may have been fixed since");
}

/* Exit codes that neither a processor nor KVM writes; a VMCB that is not one of the vCPU's. */
static void check_vmcb(const struct km_vmcb *vmcb, struct km_last_fault *last)
{
	if (!km_svm_exit_exists(vmcb->exit_code.v))
		km_contradict(&last->contradictions,
			      "the exit code in its VMCB is 0x%" PRIx64 ", which is not one",
			      vmcb->exit_code.v);
	if (vmcb->foreign)
		km_contradict(&last->contradictions,
			      "vcpu_svm.vmcb is 0x%" PRIx64 ", neither vmcb01 nor vmcb02",
			      vmcb->addr);
}

void km_faults_add_svm(struct km_fault_search *search)
{
	const struct km_mmu *mmu = search->all->active;
	struct km_last_fault *last = search->last;
	struct km_fault *f;
	struct km_vmcb vmcb;
	km_scoped_error *err = km_vmcb_read(search->k, search->vcpu, &vmcb);
	char name[48];

	if (err) {
		KM_PRINT(last->none, "%s", km_error_text(err));
		return;
	}
	if (never_ran(search))
		return;
	check_vmcb(&vmcb, last);
	last->exit_code = vmcb.exit_code;
	parenthesized(km_svm_exit_name(vmcb.exit_code.v), name, sizeof(name));
	if (vmcb.run_pending) {
		last->exit_code = (struct km_val){.known = KM_ABSENT};
		KM_PRINT(last->none, "L2 has not exited since vmcb02 was loaded: it contains "
				     "the exit of an earlier run, or none");
		return;
	}
	if (!mmu || km_svm_exit_kind(mmu->paging, vmcb.exit_code.v) == KM_EXIT_OTHER) {
		KM_PRINT(last->none, "the last exit was 0x%" PRIx64 "%s, %s", vmcb.exit_code.v,
			 name,
			 mmu ? "not a page fault: the VMCB no longer contains a fault"
			     : "and it is not known which MMU is active");
		return;
	}
	if (!km_is_known(vmcb.exit_info_1) || !km_is_known(vmcb.exit_info_2)) {
		KM_PRINT(last->none, "the exit information of the VMCB is not readable");
		return;
	}
	f = add(search, KM_FAULT_VMCB);
	if (!f)
		return;
	f->addr = km_vmcb_exit_info_2(&vmcb, search->vcpu->mode);
	f->error_code = km_known_val(npf_error_code(search, &vmcb, &f->gmet));
	KM_PRINT(f->from, "exit 0x%" PRIx64 "%s of %s", vmcb.exit_code.v, name, vmcb.name);
	say_svm_limits(search, &vmcb, f);
}

/* Why the last exit of VMX gives no fault, or NULL if it does. */
static const char *no_vmx_fault(enum km_exit_kind kind)
{
	switch (kind) {
	case KM_EXIT_OTHER:
		return "not a page fault";
	case KM_EXIT_EXCEPTION_NMI:
		return "an exception or an NMI: KVM has not cached which one";
	case KM_EXIT_NPF:
	case KM_EXIT_PF:
	case KM_EXIT_EPT_VIOLATION:
	case KM_EXIT_EPT_MISCONFIG:
		break;
	}
	return NULL;
}

/* The address and error code that KVM itself has read from the VMCS. */
static void read_vmx_fields(const struct km_fault_search *search, enum km_exit_kind kind,
			    const struct km_vmx_exit *exit, struct km_fault *f)
{
	switch (kind) {
	case KM_EXIT_PF:
		f->addr = exit->qualification; /* CR2 */
		KM_PRINT(f->limits, "the error code is in the VMCS only");
		break;
	case KM_EXIT_EPT_MISCONFIG:
		f->error_code = km_known_val(PFERR_RSVD_MASK);
		break;
	case KM_EXIT_EPT_VIOLATION:
		if (km_is_known(exit->qualification))
			f->error_code = km_known_val(km_ept_violation_error_code(
				search->k->features.acc, km_mmu_has_mbec(f->mmu),
				exit->qualification.v));
		break;
	case KM_EXIT_NPF:
	case KM_EXIT_EXCEPTION_NMI:
	case KM_EXIT_OTHER:
		break; /* no_vmx_fault() rules the last two out */
	}
}

static bool is_tdx(const struct km_vm *vm)
{
	return km_is_known(vm->vm_type) && vm->vm_type.v == KM_VM_TDX;
}

/* What the TDX module returned: all of it, the GPA included. */
static void read_tdx_fields(const struct km_fault_search *search, enum km_exit_kind kind,
			    const struct km_vmx_exit *exit, struct km_fault *f)
{
	uint64_t direct = search->vm->gfn_direct_bits.v;
	bool is_private = direct && !(exit->gpa.v >> KM_PAGE_SHIFT & direct);

	f->addr = exit->gpa;
	if (kind == KM_EXIT_EPT_MISCONFIG)
		f->error_code = km_known_val(PFERR_RSVD_MASK);
	else if (km_is_known(search->vm->gfn_direct_bits) && km_is_known(exit->qualification))
		f->error_code = km_known_val(km_tdx_error_code(search->k->features.acc, is_private,
							       exit->qualification.v));
	if (!search->handling)
		KM_PRINT(f->limits, "it may have been fixed since");
}

/* "layout of Bochs, 17 fields are as in KVM" */
static void print_layout(const struct km_vmcs_address *address, char *buf, size_t size)
{
	if (address->how == KM_VMCS_BY_TABLE)
		snprintf(buf, size, "layout of %s, %u fields are as in KVM", address->source,
			 address->anchors);
	else
		snprintf(buf, size, "unknown layout, identified by %u fields that KVM keeps",
			 address->anchors);
}

static void set_address(struct km_fault *f, const struct km_vmcs_address *address)
{
	f->addr = km_known_val(address->gpa);
	f->certainty = address->how == KM_VMCS_BY_TABLE ? KM_LIKELY : KM_POSSIBLE;
}

/*
 * The GPA of the last exit, if it is in the VMCS page; else report what is missing. @qualification:
 * that is from the page, too.
 */
static void add_address(struct km_fault *f, const struct km_vmcs_address *address,
			bool qualification)
{
	size_t used = strlen(f->from);
	const char *missing =
		km_is_known(f->error_code) ? "" : "; KVM has not read the qualification either";
	char layout[80];

	if (address->how == KM_VMCS_NOT_FOUND) {
		KM_PRINT(f->limits,
			 "only the type of access is known: KVM does not keep the GPA, and %s%s",
			 address->why, missing);
		return;
	}
	set_address(f, address);
	print_layout(address, layout, sizeof(layout));
	snprintf(f->from + used, sizeof(f->from) - used, "; %s in the VMCS page (%s)",
		 qualification ? "address and qualification" : "address", layout);
	KM_PRINT(f->limits, "%s %s: the layout of VMCS pages depends on the processor%s",
		 qualification ? "both are" : "the address is", km_certainty_text(f->certainty),
		 missing);
}

/* The processor writes the GPA at EPT violations only: after other exits it is an earlier one's. */
void km_faults_add_earlier(struct km_fault_search *search)
{
	const struct km_vmcs_address *address = &search->earlier;
	struct km_fault *f;
	char layout[80];

	if (address->how != KM_VMCS_BY_TABLE || !address->gpa)
		return;
	f = km_fault_add(search, KM_FAULT_VMCS, KM_AGE_RESIDUE);
	if (!f)
		return;
	set_address(f, address);
	f->certainty = KM_POSSIBLE;
	f->mmu = search->all->active;
	print_layout(address, layout, sizeof(layout));
	KM_PRINT(f->from, "GUEST_PHYSICAL_ADDRESS in the VMCS page (%s)", layout);
	KM_PRINT(f->limits, "from an EPT violation before the last exit, without its error code");
}

km_error *km_faults_add_vmx(struct km_fault_search *search)
{
	const struct km_mmu *mmu = search->all->active;
	struct km_last_fault *last = search->last;
	enum km_exit_kind kind;
	const char *why;
	struct km_fault *f;
	struct km_vmx_exit exit;
	bool tdx = is_tdx(search->vm);
	km_scoped_error *err = tdx ? km_tdx_exit_read(search->k, search->vcpu, &exit)
				   : km_vmx_exit_read(search->k, search->vcpu, &exit);
	struct km_vmcs_address address = {.how = KM_VMCS_NOT_FOUND,
					  .qualification = {.known = KM_ABSENT},
					  .why = "it is not searched for"};
	km_error *vmcs_err = NULL;
	bool current = false, saved; /* is the qualification only in the VMCS page? */
	char name[48];

	if (err) {
		KM_PRINT(last->none, "%s", km_error_text(err));
		return NULL;
	}
	if (never_ran(search))
		return NULL;
	if (km_is_known(exit.reason) && !km_vmx_exit_exists(exit.reason.v))
		km_contradict(&last->contradictions,
			      "its last VMX exit reason is %" PRIu64 ", which is not one",
			      exit.reason.v);
	last->exit_code = exit.reason;
	if (!km_is_known(exit.reason) || !mmu) {
		KM_PRINT(last->none, "the last exit is not readable");
		return NULL;
	}
	if (mmu->paging == KM_PAGING_EPT && !tdx)
		vmcs_err = km_vmcs_read_address(search->k, search->vm, search->vcpu, &address,
						&current);
	if (vmcs_err)
		return vmcs_err;
	parenthesized(km_vmx_exit_name(exit.reason.v), name, sizeof(name));
	kind = km_vmx_exit_kind(mmu->paging, exit.reason.v,
				km_is_known(exit.intr_info) ? &exit.intr_info.v : NULL);
	why = no_vmx_fault(kind);
	if (why) {
		KM_PRINT(last->none, "the last exit was %" PRIu64 "%s, %s", exit.reason.v, name,
			 why);
		if (!current)
			search->earlier = address;
		return NULL;
	}
	f = add(search, KM_FAULT_VMX);
	if (!f)
		return NULL;
	KM_PRINT(f->from, "exit %" PRIu64 "%s%s", exit.reason.v, name,
		 km_is_known(exit.qualification) ? " and its cached qualification" : "");
	saved = kind == KM_EXIT_EPT_VIOLATION && current && !km_is_known(exit.qualification) &&
		km_is_known(address.qualification);
	if (saved)
		exit.qualification = address.qualification;
	if (tdx) {
		read_tdx_fields(search, kind, &exit, f);
		return NULL;
	}
	read_vmx_fields(search, kind, &exit, f);
	if (kind != KM_EXIT_PF)
		add_address(f, &address, saved);
	return NULL;
}
