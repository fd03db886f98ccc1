// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest needs to run a guest of its own (nested.S): a VMCB and nested page tables, which map
 * the first GiB one to one.
 */
#include <string.h>

#include "nested.h"
#include "stage.h"

PROGRAM(guest_vmrun);

#define ALL  7ull    /* P, W, U */
#define HUGE 0x80ull /* PS */

static void build_tables_of_nested(uint8_t *ram, int vcpu)
{
	uint64_t *table = (uint64_t *)(ram + NESTED_ROOT(vcpu));

	table[0] = (NESTED_ROOT(vcpu) + 0x1000) | ALL;
	table[512] = (NESTED_ROOT(vcpu) + 0x2000) | ALL;
	for (uint64_t i = 0; i < 512; i++)
		table[1024 + i] = i << 21 | ALL | HUGE;
}

static void put(uint8_t *vmcb, unsigned int offset, uint64_t value, size_t size)
{
	memcpy(vmcb + offset, &value, size);
}

static void put_segment(uint8_t *vmcb, unsigned int offset, uint16_t selector, uint16_t attributes)
{
	put(vmcb, offset, selector, 2);
	put(vmcb, offset + 2, attributes, 2);
	put(vmcb, offset + 4, 0xffffffff, 4);
}

/* 32-bit code without paging, under nested paging; its ports are the VMM's. */
static void build_vmcb(uint8_t *ram, int vcpu)
{
	uint8_t *vmcb = ram + NESTED_VMCB(vcpu);

	put(vmcb, 0x010, 3, 4); /* intercept VMRUN and VMMCALL */
	put(vmcb, 0x058, 1, 4); /* ASID */
	put(vmcb, 0x090, 1, 8); /* nested paging */
	put(vmcb, 0x0b0, NESTED_ROOT(vcpu), 8);
	put_segment(vmcb, 0x400, 0x10, 0xc93); /* ES */
	put_segment(vmcb, 0x410, 0x08, 0xc9b); /* CS */
	put_segment(vmcb, 0x420, 0x10, 0xc93); /* SS */
	put_segment(vmcb, 0x430, 0x10, 0xc93); /* DS */
	put(vmcb, 0x4d0, 0x1000, 8);	       /* EFER.SVME */
	put(vmcb, 0x558, 0x11, 8);	       /* CR0: PE, ET */
	put(vmcb, 0x560, 0x400, 8);	       /* DR7 */
	put(vmcb, 0x568, 0xffff0ff0, 8);       /* DR6 */
	put(vmcb, 0x570, 2, 8);		       /* RFLAGS */
	put(vmcb, 0x578, NESTED_CODE(vcpu), 8);
	put(vmcb, 0x5d8, AREA(vcpu) + STACK_TOP, 8);
	put(vmcb, 0x668, 0x0007040600070406, 8); /* PAT */
}

void cast_nested(struct stage *stage, const uint8_t *code, const uint8_t *code_end)
{
	uint8_t *ram = stage->vm.ram;
	int vcpu = stage->subject;

	cast_role(subject(stage), guest_vmrun, guest_vmrun_end, "run a nested guest");
	subject(stage)->mode = MODE_LONG;
	build_tables_of_nested(ram, vcpu);
	build_vmcb(ram, vcpu);
	memcpy(ram + NESTED_CODE(vcpu), code, code_end - code);
}

void withhold_page(struct stage *stage)
{
	int vcpu = stage->subject;
	uint64_t *directory = (uint64_t *)(stage->vm.ram + NESTED_ROOT(vcpu) + 0x2000);

	directory[stage->page >> 21] = NESTED_TABLE(vcpu) | ALL;
}
