// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hypervisor inside a virtual machine: its VMCS and its EPT, both written from outside before it
 * starts. What is left to its own code is VMXON, a loop of VMWRITE, and VMLAUNCH.
 *
 * Field encodings, controls and EPT bits are those of the Intel SDM, volume 3, appendix B.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "layout.h"
#include "machines.h"

PROGRAM(guest_intel_nested);
PROGRAM(guest_intel_inner);

#define CR0_NE	     (1ull << 5)
#define CR4_VMXE     (1ull << 13)
#define EFER_LME_LMA 0x500ull
#define PAGE_USER    (1ull << 2)

#define MSR_FEATURE_CONTROL 0x3a
#define MSR_VMX_BASIC	    0x480
#define MSR_VMX_PROC2	    0x48b
#define MSR_VMX_EPT_CAP	    0x48c
#define MSR_VMX_TRUE_PIN    0x48d
#define MSR_VMX_TRUE_PROC   0x48e
#define MSR_VMX_TRUE_EXIT   0x48f
#define MSR_VMX_TRUE_ENTRY  0x490

#define EPT_CAP_EXEC_ONLY (1ull << 0)
#define EPT_CAP_AD	  (1ull << 21)

#define EPT_R	   (1ull << 0)
#define EPT_W	   (1ull << 1)
#define EPT_X	   (1ull << 2) /* with MBEC: by supervisor-mode linear addresses */
#define EPT_WB	   (6ull << 3)
#define EPT_X_USER (1ull << 10)

#define PROC_SECONDARY	(1u << 31)
#define PROC2_EPT	(1u << 1)
#define PROC2_MBEC	(1u << 22)
#define EXIT_HOST_64	(1u << 9)
#define EXIT_LOAD_EFER	(1u << 21)
#define ENTRY_GUEST_64	(1u << 9)
#define ENTRY_LOAD_EFER (1u << 15)

#define RAM_TABLES (RAM_SIZE >> 21)

static uint64_t read_msr(const struct vcpu *vcpu, uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = {.head.nmsrs = 1, .entry.index = index};

	if (ioctl_or_die(vcpu->fd, KVM_GET_MSRS, &msr, "KVM_GET_MSRS") != 1)
		die("the machine has no VMX with MSR %#x", index);
	return msr.entry.data;
}

static void write_msr(const struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};

	if (ioctl_or_die(vcpu->fd, KVM_SET_MSRS, &msr, "KVM_SET_MSRS") != 1)
		die("MSR %#x cannot be written", index);
}

/* Return the controls wanted, and those that must be on. */
static uint64_t controls(const struct vcpu *vcpu, uint32_t msr, uint32_t wanted)
{
	uint64_t allowed = read_msr(vcpu, msr);

	if (wanted & ~(allowed >> 32))
		die("MSR %#x: controls %#x are not all allowed", msr, wanted);
	return wanted | (uint32_t)allowed;
}

/* ---- the nested guest's second-level tables: RAM at the same addresses ---- */

static uint64_t rights_of(uint64_t page, bool mbec)
{
	uint64_t all = EPT_R | EPT_W | EPT_X | (mbec ? EPT_X_USER : 0);

	switch (page) {
	case NESTED_READ:
		return EPT_R;
	case NESTED_READ_EXEC:
		return all & ~EPT_W;
	case NESTED_EXEC:
		return all & ~(EPT_R | EPT_W);
	case NESTED_EXEC_SUPER:
		return EPT_R | EPT_X;
	case NESTED_EXEC_USER:
		return EPT_R | (mbec ? EPT_X_USER : EPT_X);
	default:
		return all;
	}
}

static void build_ept(struct vcpu *vcpu, bool mbec)
{
	uint64_t *table = (uint64_t *)(vcpu->vm->ram + NESTED_EPT);
	uint64_t *leaves = table + 3 * 512;
	uint64_t all = rights_of(0, mbec);

	table[0] = (NESTED_EPT + 0x1000) | all;
	table[512] = (NESTED_EPT + 0x2000) | all;
	for (uint64_t i = 0; i < RAM_TABLES; i++)
		table[2 * 512 + i] = (NESTED_EPT + 0x3000 + i * 0x1000) | all;
	for (uint64_t page = 0; page < RAM_SIZE; page += 0x1000)
		leaves[page >> 12] = page | rights_of(page, mbec) | EPT_WB;
}

static uint64_t ept_pointer(const struct vcpu *vcpu)
{
	uint64_t cap = read_msr(vcpu, MSR_VMX_EPT_CAP);

	if (!(cap & EPT_CAP_EXEC_ONLY))
		die("no execute-only EPT entries");
	return NESTED_EPT | 6 | 3 << 3 | (cap & EPT_CAP_AD ? 1 << 6 : 0);
}

/* ---- its VMCS ---- */

static void field(struct vcpu *vcpu, uint64_t encoding, uint64_t value)
{
	uint64_t *fields = (uint64_t *)(vcpu->vm->ram + NESTED_FIELDS);
	uint64_t at = 1 + 2 * fields[0]++;

	fields[at] = encoding;
	fields[at + 1] = value;
}

static void fields_of_controls(struct vcpu *vcpu, bool mbec)
{
	field(vcpu, 0x4000, controls(vcpu, MSR_VMX_TRUE_PIN, 0));
	field(vcpu, 0x4002, controls(vcpu, MSR_VMX_TRUE_PROC, PROC_SECONDARY));
	field(vcpu, 0x401e, controls(vcpu, MSR_VMX_PROC2, PROC2_EPT | (mbec ? PROC2_MBEC : 0)));
	field(vcpu, 0x400c, controls(vcpu, MSR_VMX_TRUE_EXIT, EXIT_HOST_64 | EXIT_LOAD_EFER));
	field(vcpu, 0x4012, controls(vcpu, MSR_VMX_TRUE_ENTRY, ENTRY_GUEST_64 | ENTRY_LOAD_EFER));
	field(vcpu, 0x201a, ept_pointer(vcpu));
	field(vcpu, 0x2800, ~0ull); /* the link pointer */
}

static void fields_of_host(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	for (uint64_t i = 0; i < 7; i++) /* ES CS SS DS FS GS TR */
		field(vcpu, 0xc00 + 2 * i, i == 1 ? 0x8 : i == 6 ? 0x18 : 0x10);
	field(vcpu, 0x2c02, sregs->efer);
	field(vcpu, 0x6c00, sregs->cr0);
	field(vcpu, 0x6c02, sregs->cr3);
	field(vcpu, 0x6c04, sregs->cr4);
	field(vcpu, 0x6c14, AREA(vcpu->id) + STACK_TOP);
	/* UD2 behind VMLAUNCH: a nested guest that exits is a failure */
	field(vcpu, 0x6c16,
	      AREA(vcpu->id) + CODE + (guest_intel_nested_end - guest_intel_nested) - 2);
}

static void fields_of_guest(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	static const uint16_t rights[] = {0xc093, 0xa09b, 0xc093, 0xc093, 0xc093, 0xc093};

	for (uint64_t i = 0; i < 6; i++) { /* ES CS SS DS FS GS */
		field(vcpu, 0x800 + 2 * i, i == 1 ? 0x8 : 0x10);
		field(vcpu, 0x4800 + 2 * i, 0xffffffff);
		field(vcpu, 0x4814 + 2 * i, rights[i]);
	}
	field(vcpu, 0x4820, 0x10000); /* LDTR: unusable */
	field(vcpu, 0x80e, 0x18);
	field(vcpu, 0x480e, 0x67);
	field(vcpu, 0x4822, 0x8b); /* TR: a busy TSS */
	field(vcpu, 0x2806, sregs->efer);
	field(vcpu, 0x6800, sregs->cr0);
	field(vcpu, 0x6802, sregs->cr3);
	field(vcpu, 0x6804, sregs->cr4);
	field(vcpu, 0x681a, 0x400);
	field(vcpu, 0x681c, AREA(vcpu->id) + STACK_TOP - 0x400);
	field(vcpu, 0x681e, NESTED_CODE);
	field(vcpu, 0x6820, 2);
}

/* Let user-mode linear addresses reach the 2 MiB that NESTED_EXEC_USER is in. */
static void allow_user(struct vcpu *vcpu)
{
	uint64_t *table = (uint64_t *)(vcpu->vm->ram + TABLES(vcpu->id));

	table[0] |= PAGE_USER;
	table[512] |= PAGE_USER;
	table[2 * 512 + (NESTED_EXEC_USER >> 21)] |= PAGE_USER;
}

void nested_prepare(struct vcpu *vcpu, bool mbec)
{
	static const uint64_t called[] = {NESTED_READ_EXEC, NESTED_EXEC, NESTED_EXEC_SUPER,
					  NESTED_EXEC_USER};
	uint8_t *ram = vcpu->vm->ram;
	uint32_t revision = read_msr(vcpu, MSR_VMX_BASIC);
	struct kvm_sregs sregs;

	write_msr(vcpu, MSR_FEATURE_CONTROL, 5); /* locked, VMXON allowed */
	ioctl_or_die(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cr0 |= CR0_NE;
	sregs.cr4 |= CR4_VMXE;
	sregs.efer |= EFER_LME_LMA;
	ioctl_or_die(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");

	memcpy(ram + NESTED_VMXON, &revision, sizeof(revision));
	memcpy(ram + NESTED_VMCS, &revision, sizeof(revision));
	memcpy(ram + NESTED_CODE, guest_intel_inner, guest_intel_inner_end - guest_intel_inner);
	for (size_t i = 0; i < sizeof(called) / sizeof(called[0]); i++)
		ram[called[i]] = 0xc3; /* ret */
	allow_user(vcpu);
	build_ept(vcpu, mbec);
	fields_of_controls(vcpu, mbec);
	fields_of_host(vcpu, &sregs);
	fields_of_guest(vcpu, &sregs);
}
