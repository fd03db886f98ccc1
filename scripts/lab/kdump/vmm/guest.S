/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 64-bit guest that runs a guest of its own. rcx: its VMCB; the page behind it is the host save area.
 */
	.section .rodata
	.code64

	.globl	guest_vmrun, guest_vmrun_end
guest_vmrun:
	mov	%rcx, %r15
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x1000, %eax		/* SVME */
	wrmsr
	mov	$0xc0010117, %ecx	/* VM_HSAVE_PA */
	lea	0x1000(%r15), %rax
	xor	%edx, %edx
	wrmsr
1:	mov	%r15, %rax
	vmrun
	jmp	1b
guest_vmrun_end:

	.section .note.GNU-stack, "", @progbits
