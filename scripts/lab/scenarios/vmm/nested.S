/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 64-bit guest that runs a guest of its own. rcx: the page, which its guest gets as well. It maps the page when its
 * guest takes a nested page fault, and unmaps it when its guest executes VMMCALL.
 */
#include "layout.h"
#include "nested.h"

#define EXIT_CODE   0x070
#define TLB_CONTROL 0x05c
#define RIP	    0x578
#define EXIT_NPF    0x400

	.section .rodata
	.code64

	.globl	guest_vmrun, guest_vmrun_end
guest_vmrun:
	lea	NESTED_VMCB(0) - AREA(0) - STACK_TOP(%rsp), %r15
	mov	%rcx, %r14
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x1000, %eax		/* SVME */
	wrmsr
	mov	$0xc0010117, %ecx	/* VM_HSAVE_PA */
	lea	NESTED_HSAVE(0) - NESTED_VMCB(0)(%r15), %rax
	xor	%edx, %edx
	wrmsr
	mov	%r14, %rcx
	mov	%ecx, %ebp
	shr	$12 - 3, %ebp
	and	$511 << 3, %ebp
	lea	NESTED_TABLE(0) - NESTED_VMCB(0)(%r15, %rbp), %rbp
1:	mov	%r15, %rax
	vmrun
	cmpq	$EXIT_NPF, EXIT_CODE(%r15)
	jne	2f
	lea	7(%rcx), %r13
	mov	%r13, (%rbp)
	jmp	1b
2:	movq	$0, (%rbp)
	movb	$1, TLB_CONTROL(%r15)
	addq	$3, RIP(%r15)
	jmp	1b
guest_vmrun_end:

	.section .note.GNU-stack, "", @progbits
