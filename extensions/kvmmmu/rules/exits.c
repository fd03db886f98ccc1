// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/exits.h"

#define PF_VECTOR	      14
#define INTR_INFO_VECTOR_MASK 0xff
#define EPT_VIOLATION_RWX_MASK                                                                     \
	(EPT_VIOLATION_PROT_READ | EPT_VIOLATION_PROT_WRITE | EPT_VIOLATION_PROT_EXEC)

enum km_exit_kind km_svm_exit_kind(enum km_paging paging, uint64_t exit_code)
{
	if (paging == KM_PAGING_SHADOW)
		return exit_code == SVM_EXIT_PF ? KM_EXIT_PF : KM_EXIT_OTHER;
	return exit_code == SVM_EXIT_NPF ? KM_EXIT_NPF : KM_EXIT_OTHER;
}

enum km_exit_kind km_vmx_exit_kind(enum km_paging paging, uint64_t reason,
				   const uint64_t *intr_info)
{
	if (paging == KM_PAGING_EPT) {
		if (reason == EXIT_REASON_EPT_VIOLATION)
			return KM_EXIT_EPT_VIOLATION;
		return reason == EXIT_REASON_EPT_MISCONFIG ? KM_EXIT_EPT_MISCONFIG : KM_EXIT_OTHER;
	}
	if (reason != EXIT_REASON_EXCEPTION_NMI)
		return KM_EXIT_OTHER;
	if (!intr_info)
		return KM_EXIT_EXCEPTION_NMI;
	return (*intr_info & INTR_INFO_VECTOR_MASK) == PF_VECTOR ? KM_EXIT_PF : KM_EXIT_OTHER;
}

uint64_t km_npf_error_code(const struct km_npf_state *state, uint64_t exit_info_1)
{
	uint64_t ec = exit_info_1;

	if (state->gmet && !state->sev_es && state->cpl_known && (ec & PFERR_FETCH_MASK)) {
		ec &= ~PFERR_USER_MASK;
		if (state->cpl == 3)
			ec |= PFERR_USER_MASK;
	}
	if (state->sev_snp && (ec & PFERR_GUEST_ENC_MASK))
		ec |= PFERR_PRIVATE_ACCESS;
	return ec;
}

uint64_t km_ept_violation_error_code(enum km_acc_format acc, bool mbec, uint64_t q)
{
	uint64_t rwx = EPT_VIOLATION_RWX_MASK | (mbec ? EPT_VIOLATION_PROT_USER_EXEC : 0);
	uint64_t ec = 0;

	if (acc == KM_ACC_UWX && q & EPT_VIOLATION_ACC_READ)
		ec |= PFERR_USER_MASK;
	if (q & EPT_VIOLATION_ACC_WRITE)
		ec |= PFERR_WRITE_MASK;
	if (q & EPT_VIOLATION_ACC_INSTR)
		ec |= PFERR_FETCH_MASK;
	if (q & rwx)
		ec |= PFERR_PRESENT_MASK;
	if (!(q & EPT_VIOLATION_GVA_IS_VALID))
		return ec;
	if (!(q & EPT_VIOLATION_GVA_TRANSLATED))
		return ec | PFERR_GUEST_PAGE_MASK;
	if (acc == KM_ACC_RWUX && q & EPT_VIOLATION_GVA_USER)
		ec |= PFERR_USER_MASK;
	return ec | PFERR_GUEST_FINAL_MASK;
}

uint64_t km_tdx_error_code(enum km_acc_format acc, bool is_private, uint64_t qualification)
{
	uint64_t q = is_private ? EPT_VIOLATION_ACC_WRITE : qualification;

	return km_ept_violation_error_code(acc, false, q) | (is_private ? PFERR_PRIVATE_ACCESS : 0);
}

bool km_is_interruption_info(uint64_t value)
{
	unsigned vector = value & INTR_INFO_VECTOR_MASK;

	if (!(value & INTR_INFO_VALID_MASK) || value >> 32 || value & INTR_INFO_RESERVED)
		return false;
	switch (value >> 8 & 7) {
	case 0: /* external interrupt */
		return vector >= 32;
	case 2: /* NMI */
		return vector == 2;
	case 3: /* hardware exception */
		return vector < 32;
	case 4: /* software interrupt */
		return true;
	case 5: /* privileged software exception */
		return vector == 1;
	case 6: /* software exception */
		return vector == 3 || vector == 4;
	default:
		return false;
	}
}

const char *km_svm_exit_name(uint64_t exit_code)
{
	static const struct {
		uint16_t code;
		const char *name;
	} names[] = {
		{0x040, "#DE"},
		{0x041, "#DB"},
		{0x042, "#NMI"},
		{0x043, "#BP"},
		{0x044, "#OF"},
		{0x045, "#BR"},
		{0x046, "#UD"},
		{0x047, "#NM"},
		{0x048, "#DF"},
		{0x04a, "#TS"},
		{0x04b, "#NP"},
		{0x04c, "#SS"},
		{0x04d, "#GP"},
		{0x04e, "#PF"},
		{0x050, "#MF"},
		{0x051, "#AC"},
		{0x052, "#MC"},
		{0x053, "#XF"},
		{0x060, "INTR"},
		{0x061, "NMI"},
		{0x062, "SMI"},
		{0x063, "INIT"},
		{0x064, "VINTR"},
		{0x065, "CR0_SEL_WRITE"},
		{0x06e, "RDTSC"},
		{0x06f, "RDPMC"},
		{0x070, "PUSHF"},
		{0x071, "POPF"},
		{0x072, "CPUID"},
		{0x073, "RSM"},
		{0x074, "IRET"},
		{0x075, "SWINT"},
		{0x076, "INVD"},
		{0x077, "PAUSE"},
		{0x078, "HLT"},
		{0x079, "INVLPG"},
		{0x07a, "INVLPGA"},
		{0x07b, "IOIO"},
		{0x07c, "MSR"},
		{0x07d, "TASK_SWITCH"},
		{0x07e, "FERR_FREEZE"},
		{0x07f, "SHUTDOWN"},
		{0x080, "VMRUN"},
		{0x081, "VMMCALL"},
		{0x082, "VMLOAD"},
		{0x083, "VMSAVE"},
		{0x084, "STGI"},
		{0x085, "CLGI"},
		{0x086, "SKINIT"},
		{0x087, "RDTSCP"},
		{0x089, "WBINVD"},
		{0x08a, "MONITOR"},
		{0x08b, "MWAIT"},
		{0x08c, "MWAIT_COND"},
		{0x08d, "XSETBV"},
		{0x08e, "RDPRU"},
		{0x08f, "EFER_WRITE_TRAP"},
		{0x0a2, "INVPCID"},
		{0x0a5, "BUS_LOCK"},
		{0x0a6, "IDLE_HLT"},
		{0x400, "NPF"},
		{0x401, "AVIC_INCOMPLETE_IPI"},
		{0x402, "AVIC_UNACCELERATED_ACCESS"},
		{0x403, "VMGEXIT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == exit_code)
			return names[i].name;
	}
	if (exit_code < 0x10)
		return "CR read";
	if (exit_code < 0x20)
		return "CR write";
	if (exit_code < 0x30)
		return "DR read";
	if (exit_code < 0x40)
		return "DR write";
	return (int32_t)exit_code == -1 ? "ERR" : NULL;
}

const char *km_vmx_exit_name(uint64_t reason)
{
	static const char *const names[] = {
		[0] = "EXCEPTION_NMI",
		[1] = "EXTERNAL_INTERRUPT",
		[2] = "TRIPLE_FAULT",
		[7] = "INTERRUPT_WINDOW",
		[8] = "NMI_WINDOW",
		[9] = "TASK_SWITCH",
		[10] = "CPUID",
		[12] = "HLT",
		[14] = "INVLPG",
		[18] = "VMCALL",
		[28] = "CR_ACCESS",
		[29] = "DR_ACCESS",
		[30] = "IO_INSTRUCTION",
		[31] = "MSR_READ",
		[32] = "MSR_WRITE",
		[40] = "PAUSE_INSTRUCTION",
		[48] = "EPT_VIOLATION",
		[49] = "EPT_MISCONFIG",
		[52] = "PREEMPTION_TIMER",
		[54] = "WBINVD",
		[55] = "XSETBV",
		[62] = "PML_FULL",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : NULL;
}

bool km_svm_exit_exists(uint64_t exit_code)
{
	return exit_code <= 0xbf || (exit_code >= SVM_EXIT_NPF && exit_code <= 0x40f) ||
	       (exit_code >> 16 == 0x8000) || exit_code == 0xf0000000 || exit_code == UINT32_MAX ||
	       exit_code == UINT64_MAX;
}

bool km_vmx_exit_exists(uint64_t reason)
{
	return reason <= 127; /* 85 is the last one that 7.3 knows */
}
