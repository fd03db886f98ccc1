/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guests on the Intel host run, in 64-bit mode. rbx is the address of the vCPU's area.
 */
#include "layout.h"

	.section .rodata

	.macro program name
	.globl	\name, \name\()_end
\name:
	.endm

	.macro touch
	movb	PAGE_READ(%rbx), %al
	movb	$1, PAGE_WRITTEN(%rbx)
	lea	PAGE_EXECUTED(%rbx), %rsi
	call	*%rsi
	movb	PAGE_READ_WRITTEN(%rbx), %al
	movb	$1, PAGE_READ_WRITTEN(%rbx)
	.endm

	/* Wakes up once in a while, for ever. */
	.macro idle
1:	incb	PAGE_WRITTEN(%rbx)
	out	%al, $PORT_TICK
	jmp	1b
	.endm

	/* An access to each of \count pages from \page of the dirty-logged slot on. */
	.macro log_pages page count access:vararg
	mov	$LOG_BASE + \page * 0x1000, %edx
	mov	$\count, %ecx
1:	\access
	add	$0x1000, %edx
	loop	1b
	.endm

	.code64

/* Every kind of slot; at PORT_WRAP the VMM reads the dirty log and has the host age all pages. */
program guest_intel_plain
	touch
	mov	$HUGE_BASE, %edx
	movb	(%rdx), %al
	movb	$1, 0x200000(%rdx)
	movb	$1, LOG_BASE
	log_pages LOG_ONCE, LOG_ONCE_PAGES, movb $1, (%rdx)
	log_pages LOG_READ, LOG_READ_PAGES, movb (%rdx), %al
	mov	$READONLY_BASE, %edx
	movb	(%rdx), %al
	mov	$MMIO_BASE, %edx
	movb	(%rdx), %al
	out	%al, $PORT_WRAP
	movb	LOG_BASE, %al
	movb	$2, LOG_BASE + LOG_AGAIN * 0x1000
	out	%al, $PORT_TOUCHED
	idle
guest_intel_plain_end:

/* A hypervisor that writes the fields it finds prepared and starts its guest. It never comes back. */
program guest_intel_nested
	mov	$NESTED_VMXON, %eax
	push	%rax
	vmxon	(%rsp)
	jbe	2f
	mov	$NESTED_VMCS, %eax
	push	%rax
	vmclear	(%rsp)
	jbe	2f
	vmptrld	(%rsp)
	jbe	2f
	mov	$NESTED_FIELDS, %esi
	mov	(%rsi), %rcx
1:	mov	8(%rsi), %rax
	mov	16(%rsi), %rdx
	vmwrite	%rdx, %rax
	jbe	2f
	add	$16, %rsi
	loop	1b
	vmlaunch
	/* The fields say that the nested guest's exits lead here, too. */
2:	ud2
guest_intel_nested_end:

program guest_intel_inner
	touch
	movb	$1, NESTED_WRITE
	movb	NESTED_READ, %al
	.irp	page, NESTED_READ_EXEC, NESTED_EXEC, NESTED_EXEC_SUPER, NESTED_EXEC_USER
	mov	$\page, %esi
	call	*%rsi
	.endr
	out	%al, $PORT_TOUCHED
	idle
guest_intel_inner_end:

	.section .note.GNU-stack, "", @progbits
