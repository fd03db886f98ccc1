/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of the scenarios' guests. They run in 32 and in 64 bit mode, and so only contain
 * instructions that are the same in both. rcx: the page; rbx: the first of many pages; rsi: their number.
 */
#include "layout.h"
#include "ports.h"

	.section .rodata
	.code32

	.macro program name
	.globl	\name, \name\()_end
\name:
	.endm

program guest_halt
	out	%al, $PORT_READY
1:	cli
	hlt
	jmp	1b
guest_halt_end:

program guest_tick
	out	%al, $PORT_READY
1:	incb	(%ecx)
	out	%al, $PORT_TICK
	jmp	1b
guest_tick_end:

program guest_read
	out	%al, $PORT_READY
1:	movb	(%ecx), %al
	out	%al, $PORT_TICK
	jmp	1b
guest_read_end:

program guest_write
	out	%al, $PORT_READY
1:	movb	%al, (%ecx)
	out	%al, $PORT_TICK
	jmp	1b
guest_write_end:

program guest_execute
	out	%al, $PORT_READY
1:	call	*%ecx
	out	%al, $PORT_TICK
	jmp	1b
guest_execute_end:

program guest_read_then_write
	movb	(%ecx), %al
	out	%al, $PORT_READY
1:	movb	%al, (%ecx)
	out	%al, $PORT_TICK
	jmp	1b
guest_read_then_write_end:

program guest_write_then_write
	movb	%al, (%ebx)
	movb	%al, (%ecx)
	out	%al, $PORT_READY
1:	movb	%al, (%ecx)
	out	%al, $PORT_TICK
	jmp	1b
guest_write_then_write_end:

program guest_read_then_execute
	movb	(%ecx), %al
	out	%al, $PORT_READY
1:	call	*%ecx
	out	%al, $PORT_TICK
	jmp	1b
guest_read_then_execute_end:

/* A write that KVM's emulator does not support. */
program guest_write_float
	fninit
	out	%al, $PORT_READY
1:	fldz
	fstpl	(%ecx)
	out	%al, $PORT_TICK
	jmp	1b
guest_write_float_end:

program guest_hammer
	out	%al, $PORT_READY
1:	incb	(%ecx)
	jmp	1b
guest_hammer_end:

program guest_stride
	out	%al, $PORT_READY
2:	mov	%ebx, %ecx
	mov	%esi, %edx
1:	incb	(%ecx)
	add	$0x1000, %ecx
	sub	$0x1000, %edx
	jnz	1b
	out	%al, $PORT_WRAP
	jmp	2b
guest_stride_end:

program guest_read_stride
	out	%al, $PORT_READY
2:	mov	%ebx, %ecx
	mov	%esi, %edx
1:	movb	(%ecx), %al
	add	$0x1000, %ecx
	sub	$0x1000, %edx
	jnz	1b
	out	%al, $PORT_WRAP
	jmp	2b
guest_read_stride_end:

program guest_rep_stos
	out	%al, $PORT_READY
2:	mov	%ebx, %edi
	mov	%esi, %ecx
	rep stosb
	out	%al, $PORT_WRAP
	jmp	2b
guest_rep_stos_end:

/* With interrupts enabled, so that KVM may let the vCPU wait for a page as if it had halted. */
program guest_read_interruptible
	out	%al, $PORT_READY
	sti
1:	movb	(%ecx), %al
	out	%al, $PORT_TICK
	jmp	1b
guest_read_interruptible_end:

/* The same, behind the instruction that STI still shields from interrupts: KVM waits only without them. */
program guest_read_async
	out	%al, $PORT_READY
	sti
	nop
1:	movb	(%ecx), %al
	out	%al, $PORT_TICK
	jmp	1b
guest_read_async_end:

/* One page of each 2 MiB. */
program guest_read_far
	out	%al, $PORT_READY
2:	mov	%ebx, %ecx
	mov	%esi, %edx
1:	movb	(%ecx), %al
	add	$0x200000, %ecx
	sub	$0x200000, %edx
	jnz	1b
	out	%al, $PORT_WRAP
	jmp	2b
guest_read_far_end:

/* For a nested guest: VMMCALL lets its hypervisor unmap the page again. */
program guest_write_unmapped
	out	%al, $PORT_READY
1:	movb	%al, (%ecx)
	out	%al, $PORT_TICK
	vmmcall
	jmp	1b
guest_write_unmapped_end:

	.section .note.GNU-stack, "", @progbits
