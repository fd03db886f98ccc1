/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which exits from the guest are page faults, and how KVM turns their fields into a PFERR_* error
 * code: npf_interception() and pf_interception() of arch/x86/kvm/svm/svm.c, handle_exception_nmi(),
 * handle_ept_violation() and handle_ept_misconfig() of arch/x86/kvm/vmx/vmx.c. A new exit that is a
 * page fault is added here; kvm/svm.c and kvm/vmx.c read the fields.
 */
#ifndef KVMMMU_EXITS_H
#define KVMMMU_EXITS_H

#include "rules/mbec.h"

/* arch/x86/include/uapi/asm/svm.h */
#define SVM_EXIT_PF  0x04e
#define SVM_EXIT_NPF 0x400

/* include/uapi/linux/kvm.h: kvm_run.exit_reason, why KVM_RUN returned to the VMM */
#define KVM_EXIT_UNKNOWN	 0
#define KVM_EXIT_MMIO		 6
#define KVM_EXIT_INTERNAL_ERROR	 17
#define KVM_EXIT_DIRTY_RING_FULL 31
#define KVM_EXIT_MEMORY_FAULT	 39

/* arch/x86/include/uapi/asm/vmx.h */
#define EXIT_REASON_EXCEPTION_NMI 0
#define EXIT_REASON_EPT_VIOLATION 48
#define EXIT_REASON_EPT_MISCONFIG 49

/* arch/x86/include/asm/vmx.h: exit qualification of an EPT violation */
#define EPT_VIOLATION_ACC_READ	     KM_BIT(0)
#define EPT_VIOLATION_ACC_WRITE	     KM_BIT(1)
#define EPT_VIOLATION_ACC_INSTR	     KM_BIT(2)
#define EPT_VIOLATION_PROT_READ	     KM_BIT(3)
#define EPT_VIOLATION_PROT_WRITE     KM_BIT(4)
#define EPT_VIOLATION_PROT_EXEC	     KM_BIT(5)
#define EPT_VIOLATION_PROT_USER_EXEC KM_BIT(6)
#define EPT_VIOLATION_GVA_IS_VALID   KM_BIT(7)
#define EPT_VIOLATION_GVA_TRANSLATED KM_BIT(8)
#define EPT_VIOLATION_GVA_USER	     KM_BIT(9)
#define EPT_VIOLATION_GVA_WRITABLE   KM_BIT(10)
#define EPT_VIOLATION_GVA_NX	     KM_BIT(11)

/* SDM: bits that a processor sets in it; those above are reserved */
#define EPT_VIOLATION_BITS (KM_BIT(17) - 1)

/*
 * IDT-vectoring and VM-exit interruption information (Intel), EXITINTINFO and EVENTINJ (AMD): the
 * vector in bits 7:0, the type in 10:8.
 */
#define INTR_INFO_DELIVER_CODE_MASK KM_BIT(11)
#define INTR_INFO_VALID_MASK	    KM_BIT(31)
#define INTR_INFO_RESERVED	    0x7fffe000ULL

/* Is an exit a page fault that KVM's MMU handles? */
enum km_exit_kind {
	KM_EXIT_OTHER,	       /* no */
	KM_EXIT_NPF,	       /* AMD, nested page fault */
	KM_EXIT_PF,	       /* #PF, under shadow paging */
	KM_EXIT_EPT_VIOLATION, /* Intel */
	KM_EXIT_EPT_MISCONFIG, /* Intel: reserved bits, which MMIO SPTEs have */
	KM_EXIT_EXCEPTION_NMI, /* Intel: an exception or an NMI; whether #PF is not known */
};

/*
 * What an exit with @exit_code (VMCB, EXITCODE) is if the active tables are of @paging: with NPT, a
 * #PF exit concerns only the guest, and its address is not a GPA.
 */
enum km_exit_kind km_svm_exit_kind(enum km_paging paging, uint64_t exit_code);

/*
 * What an exit with the basic exit reason @reason is. @intr_info is the VM-exit interruption
 * information, NULL if it is not known.
 */
enum km_exit_kind km_vmx_exit_kind(enum km_paging paging, uint64_t reason,
				   const uint64_t *intr_info);

/* What npf_interception() needs to know beside EXITINFO1. */
struct km_npf_state {
	bool gmet;    /* km_has_gmet() of the active tables */
	bool sev_es;  /* the VM is a SEV-ES or SEV-SNP guest: its CPL is not visible to KVM */
	bool sev_snp; /* ... a SEV-SNP guest */
	bool cpl_known;
	unsigned cpl; /* VMCB, save.cpl */
};

/*
 * The error code that npf_interception() passes on: under GMET it replaces U of a fetch (erratum
 * 1218), and for SEV-SNP it adds PRIVATE to GUEST_ENC. Unchanged bits are @exit_info_1's.
 */
uint64_t km_npf_error_code(const struct km_npf_state *state, uint64_t exit_info_1);

/*
 * Return the error code that KVM derives from an EPT violation's exit qualification, according to
 * the kernel generation whose permission words have the format @acc. @mbec: km_has_mbec() of the
 * active tables. It lacks PRIVATE, which depends on the GPA (TDX), and GUEST_FINAL and GUEST_PAGE
 * where the qualification says that no linear address is valid: 6.1 does not check that. Mirrors
 * __vmx_handle_ept_violation().
 */
uint64_t km_ept_violation_error_code(enum km_acc_format acc, bool mbec, uint64_t qualification);

/*
 * The error code for a TDX guest: an access to private memory counts as a write, regardless of the
 * qualification. Mirrors tdx_handle_ept_violation().
 */
uint64_t km_tdx_error_code(enum km_acc_format acc, bool is_private, uint64_t qualification);

/*
 * Is @value the exit qualification of an EPT violation rather than a PFERR_* error code? Only the
 * former has bit 7 or 8 (a linear address is valid, is the final one); it has none above bit 16.
 */
static inline bool km_is_exit_qualification(uint64_t value)
{
	return value & (EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED) &&
	       !(value & ~EPT_VIOLATION_BITS);
}

/*
 * Is @value interruption information of an event: valid (bit 31), nothing reserved set, and a
 * vector that its type may have? An error code with RMP set can look like it.
 */
bool km_is_interruption_info(uint64_t value);

/*
 * Can a VMCB contain this exit code, or struct vcpu_vmx this exit reason? Ranges rather than lists:
 * SVM_EXIT_* of the processor, those of KVM and of Linux (SVM_EXIT_SW, SVM_VMGEXIT_*,
 * SVM_EXIT_ERR).
 */
bool km_svm_exit_exists(uint64_t exit_code);
bool km_vmx_exit_exists(uint64_t reason);

/* "NPF", "HLT", ... of SVM_EXIT_*; NULL if it has no name here. */
const char *km_svm_exit_name(uint64_t exit_code);

/* "EPT_VIOLATION", ... of EXIT_REASON_*; NULL if it has no name here. */
const char *km_vmx_exit_name(uint64_t reason);

#endif
