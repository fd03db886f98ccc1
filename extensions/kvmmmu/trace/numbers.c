// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/numbers.h"

#include "rules/exits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EPT_READ	 KM_BIT(0)
#define EPT_WRITE	 KM_BIT(1)
#define EPT_FETCH	 KM_BIT(2)
#define EPT_PROT_READ	 KM_BIT(3)
#define EPT_PROT_WRITE	 KM_BIT(4)
#define EPT_PROT_EXEC	 KM_BIT(5)
#define EPT_PROT_USER	 KM_BIT(6)
#define EPT_GVA_VALID	 KM_BIT(7)
#define EPT_GVA_FINAL	 KM_BIT(8)
#define EPT_MARKS	 (KM_BIT(15) - KM_BIT(7)) /* bits that PFERR_* does not have */
#define TDX_STATUS_CLASS 0xc000000000000000ULL

static const char *const reading_names[KM_READINGS] = {
	[KM_READ_PFERR] = "pferr", [KM_READ_EPT] = "ept", [KM_READ_IDT] = "idt",
	[KM_READ_SVM] = "svm",	   [KM_READ_VMX] = "vmx", [KM_READ_TDX] = "tdx",
};

const char *km_reading_name(enum km_reading reading)
{
	return reading_names[reading];
}

bool km_reading_parse(const char *name, enum km_reading *reading)
{
	for (int i = 0; i < KM_READINGS; i++) {
		if (!strcmp(name, reading_names[i])) {
			*reading = (enum km_reading)i;
			return true;
		}
	}
	return false;
}

/* --- interruption info --- */

static unsigned info_type(uint64_t info)
{
	return (info >> 8) & 7;
}

char *km_vectoring_spell(uint64_t info, char *buf, size_t size)
{
	static const char *const types[] = {
		"external interrupt", "reserved type 1",    "NMI",
		"hardware exception", "software interrupt", "privileged software exception",
		"software exception", "other event",
	};
	static const char *const vectors[32] = {
		[0] = "#DE",  [1] = "#DB",  [2] = "NMI",  [3] = "#BP",	[4] = "#OF",  [5] = "#BR",
		[6] = "#UD",  [7] = "#NM",  [8] = "#DF",  [10] = "#TS", [11] = "#NP", [12] = "#SS",
		[13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC", [18] = "#MC", [19] = "#XM",
		[20] = "#VE", [21] = "#CP", [28] = "#HV", [29] = "#VC", [30] = "#SX"};
	unsigned vector = info & 0xff;
	const char *name = vector < 32 && info_type(info) ? vectors[vector] : NULL;

	if (!(info & INTR_INFO_VALID_MASK))
		snprintf(buf, size, "none");
	else
		snprintf(buf, size, "vector %u%s%s%s, %s%s", vector, name ? " (" : "",
			 name ? name : "", name ? ")" : "", types[info_type(info)],
			 info & INTR_INFO_DELIVER_CODE_MASK ? ", with an error code" : "");
	return buf;
}

/* --- EPT --- */

static const struct km_bit_name ept_names[] = {
	{EPT_READ, "R", "ACC_READ", "the access was a read"},
	{EPT_WRITE, "W", "ACC_WRITE", "the access was a write"},
	{EPT_FETCH, "F", "ACC_INSTR", "the access was an instruction fetch"},
	{EPT_PROT_READ, "r", "PROT_READ", "the entries allow reads"},
	{EPT_PROT_WRITE, "w", "PROT_WRITE", "the entries allow writes"},
	{EPT_PROT_EXEC, "x", "PROT_EXEC",
	 "the entries allow fetches (with MBEC, from supervisor mode)"},
	{EPT_PROT_USER, "u", "PROT_USER_EXEC", "the entries allow fetches from user mode (MBEC)"},
	{EPT_GVA_VALID, "GVA", "GVA_IS_VALID", "the guest linear address is valid"},
	{EPT_GVA_FINAL, "FINAL", "GVA_TRANSLATED",
	 "the access was to the final address; if this bit is clear and bit 7 is set: to a guest "
	 "page table"},
	{KM_BIT(9), "USER", "GVA_USER", "advanced information: a user-mode linear address"},
	{KM_BIT(10), "WRITABLE", "GVA_WRITABLE", "advanced information: a writable linear address"},
	{KM_BIT(11), "NX", "GVA_NX", "advanced information: an execute-disable linear address"},
	{KM_BIT(12), "NMI", "NMI_UNBLOCKING", "NMI unblocking due to IRET"},
	{KM_BIT(13), "SSS", "SHADOW_STACK", "the access was to a shadow stack"},
	{KM_BIT(14), "SSV", "SUPERVISOR_SHADOW_STACK",
	 "the entry has the supervisor shadow stack bit set"},
	{KM_BIT(15), "VERIFY", "GUEST_PAGING_VERIFICATION", "guest-paging verification failed"},
	{KM_BIT(16), "ASYNC", "ASYNCHRONOUS", "asynchronous to instruction execution (tracing)"},
};

const struct km_bit_name *km_ept_qualification_names(size_t *count)
{
	*count = sizeof(ept_names) / sizeof(ept_names[0]);
	return ept_names;
}

static const char *access_of(uint64_t q)
{
	switch (q & (EPT_READ | EPT_WRITE | EPT_FETCH)) {
	case EPT_READ:
		return "read";
	case EPT_WRITE:
		return "write";
	case EPT_READ | EPT_WRITE:
		return "read and write";
	case EPT_FETCH:
		return "instruction fetch";
	default:
		return "access of unknown type";
	}
}

char *km_ept_qualification_rights(uint64_t q, char *buf, size_t size)
{
	snprintf(buf, size, "%c%c%c", q & EPT_PROT_READ ? 'R' : '-', q & EPT_PROT_WRITE ? 'W' : '-',
		 q & EPT_PROT_EXEC ? 'X' : '-');
	return buf;
}

char *km_ept_qualification_spell(uint64_t q, char *buf, size_t size)
{
	char rights[4], entries[64];
	const char *where = "";

	km_ept_qualification_rights(q, rights, sizeof(rights));
	if (q & (EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_USER))
		snprintf(entries, sizeof(entries), "the entries allow %s%s", rights,
			 q & EPT_PROT_USER ? " and user fetches" : "");
	else
		snprintf(entries, sizeof(entries), "nothing is mapped (R=W=X=0 in the entries)");
	if ((q & (EPT_GVA_VALID | EPT_GVA_FINAL)) == (EPT_GVA_VALID | EPT_GVA_FINAL))
		where = "; final translation of a guest linear address";
	else if (q & EPT_GVA_VALID)
		where = "; during the guest's page walk: the access was to a guest page table";
	snprintf(buf, size, "%s; %s%s", access_of(q), entries, where);
	return buf;
}

/* --- TDX --- */

static const struct {
	uint64_t status;
	const char *name;
} tdx_statuses[] = {
	{0x0000000000000000, "TDX_SUCCESS"},
	{0x4000000100000000, "TDX_NON_RECOVERABLE_VCPU"},
	{0x4000000200000000, "TDX_NON_RECOVERABLE_TD"},
	{0x6000000500000000, "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"},
	{0x6000000700000000, "TDX_NON_RECOVERABLE_TD_WRONG_APIC_MODE"},
	{0x8000000300000000, "TDX_INTERRUPTED_RESUMABLE"},
	{0x8000020000000000, "TDX_OPERAND_BUSY"},
	{0x8000020100000000, "TDX_PREVIOUS_TLB_EPOCH_BUSY"},
	{0x8000020200000000, "TDX_SYS_BUSY"},
	{0x8000070200000000, "TDX_VCPU_NOT_ASSOCIATED"},
	{0x8000080000000000, "TDX_KEY_GENERATION_FAILED"},
	{0x8000082400000000, "TDX_FLUSHVP_NOT_DONE"},
	{0xc000010000000000, "TDX_OPERAND_INVALID"},
	{0xc000030000000000, "TDX_PAGE_METADATA_INCORRECT"},
	{0xc000081100000000, "TDX_KEY_STATE_INCORRECT"},
	{0xc0000b0000000000, "TDX_EPT_WALK_FAILED"},
	{0xc0000b0d00000000, "TDX_EPT_ENTRY_STATE_INCORRECT"},
	{0xc0000c0200000000, "TDX_METADATA_FIELD_NOT_READABLE"},
	{0x0000081500000000, "TDX_KEY_CONFIGURED"},
	{0x0000082100000000, "TDX_NO_HKID_READY_TO_WBCACHE"},
};

const char *km_tdx_status_name(uint64_t status)
{
	for (size_t i = 0; i < sizeof(tdx_statuses) / sizeof(tdx_statuses[0]); i++) {
		if (status >> 32 == tdx_statuses[i].status >> 32)
			return tdx_statuses[i].name;
	}
	return NULL;
}

const char *km_tdx_operand_name(uint64_t status)
{
	switch (status & 0xffffffff) {
	case 0x01:
		return "RCX";
	case 0x80:
		return "TDR";
	case 0x92:
		return "SEPT";
	case 0xa9:
		return "TD_EPOCH";
	default:
		return NULL;
	}
}

/* --- which it is --- */

const char *km_reading_objection(enum km_reading reading, uint64_t value)
{
	switch (reading) {
	case KM_READ_EPT:
		if (value & ~EPT_VIOLATION_BITS)
			return "an exit qualification has no bits above 16";
		break;
	case KM_READ_IDT:
		if (value >> 32 || value & INTR_INFO_RESERVED)
			return "interruption info has no bits in 30:13 and none above 31";
		break;
	case KM_READ_PFERR:
	case KM_READ_SVM:
	case KM_READ_VMX:
	case KM_READ_TDX:
	case KM_READINGS:
		break;
	}
	return NULL;
}

enum km_reading km_guess_reading(uint64_t value, int values, bool ept, const char **why, bool *sure)
{
	*sure = true;
	if (values >= 3) {
		*why = "three numbers are an SVM exit code, EXITINFO1 and EXITINFO2";
		return KM_READ_SVM;
	}
	if (value & TDX_STATUS_CLASS && value >> 32 && km_tdx_status_name(value)) {
		*why = "the upper half is a status of the TDX module";
		return KM_READ_TDX;
	}
	if (value & TDX_STATUS_CLASS) {
		*why = "bits 63:62 are a class of statuses of the TDX module, and PFERR_* does not "
		       "define them";
		*sure = false;
		return KM_READ_TDX;
	}
	if (km_is_interruption_info(value)) {
		*why = "bit 31 (valid) is set, and the vector and type are a legal combination";
		return KM_READ_IDT;
	}
	if (value & EPT_MARKS && !(value & ~EPT_VIOLATION_BITS)) {
		*why = "bits 14:7 are not all clear, but PFERR_* does not define them";
		return KM_READ_EPT;
	}
	*sure = value >> 32;
	if (ept && !(value & ~EPT_VIOLATION_BITS)) {
		*why = "the host uses EPT, and no bit contradicts this interpretation";
		return KM_READ_EPT;
	}
	*why = value >> 32 ? "only PFERR_* defines bits above 31"
			   : "no bit contradicts this interpretation; an exit qualification has "
			     "bit 7 set in most exits";
	return KM_READ_PFERR;
}
