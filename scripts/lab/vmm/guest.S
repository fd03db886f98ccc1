/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of the guests. Each is copied to the CODE page of its vCPU; base is the address of the
 * vCPU's area (0 in real mode, where the segments contain it).
 */
#include "layout.h"

	.section .rodata

	.macro program name
	.globl	\name, \name\()_end
\name:
	.endm

	.macro touch base scratch
	movb	PAGE_READ(\base), %al
	movb	$1, PAGE_WRITTEN(\base)
	lea	PAGE_EXECUTED(\base), \scratch
	call	*\scratch
	movb	PAGE_READ_WRITTEN(\base), %al
	movb	$1, PAGE_READ_WRITTEN(\base)
	.endm

/* ---- real mode ---- */
	.code16

program guest_real_spin
	touch	%bx, %si
	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%bx)
	jmp	1b
guest_real_spin_end:

program guest_real_halt
	touch	%bx, %si
	out	%al, $PORT_TOUCHED
1:	cli
	hlt
	jmp	1b
guest_real_halt_end:

/* ---- 32 bit ---- */
	.code32

program guest_flat_tick
	touch	%ebx, %esi
	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%ebx)
	out	%al, $PORT_TICK
	jmp	1b
guest_flat_tick_end:

program guest_flat_mmio
	touch	%ebx, %esi
	mov	$READONLY_BASE, %edx
	movb	(%edx), %al		/* maps the page */
	movb	%al, 0x1000(%edx)	/* exits to the VMM */
	mov	$MMIO_BASE, %ecx
	movb	(%ecx), %al
	movb	%al, (%ecx)
	out	%al, $PORT_TOUCHED
1:	movb	%al, (%ecx)
	jmp	1b
guest_flat_mmio_end:

program guest_flat_log
	touch	%ebx, %esi
	mov	$LOG_BASE + LOG_ONCE * 0x1000, %edx
	mov	$LOG_ONCE_PAGES, %ecx
1:	movb	$1, (%edx)
	add	$0x1000, %edx
	loop	1b
	mov	$LOG_BASE + LOG_READ * 0x1000, %edx
	mov	$LOG_READ_PAGES, %ecx
1:	movb	(%edx), %al
	add	$0x1000, %edx
	loop	1b
	out	%al, $PORT_TOUCHED
	mov	$LOG_BASE + LOG_FOREVER * 0x1000, %edx
1:	incb	(%edx)
	jmp	1b
guest_flat_log_end:

/* Reads 16 bytes from a port, over and over. */
program guest_flat_port
	touch	%ebx, %esi
	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%ebx)
	lea	PAGE_MARKED + 0x800(%ebx), %edi
	mov	$4, %ecx
	mov	$PORT_MARKER, %edx
	rep insl
	jmp	1b
guest_flat_port_end:

/* ---- 64 bit ---- */
	.code64

program guest_long_tick
	touch	%rbx, %rsi
	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%rbx)
	out	%al, $PORT_TICK
	jmp	1b
guest_long_tick_end:

/* Reads 8 bytes of MMIO, over and over. */
program guest_long_mmio
	touch	%rbx, %rsi
	mov	$MMIO_BASE, %edx
	mov	(%rdx), %rax
	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%rbx)
	mov	(%rdx), %rax
	xor	%eax, %eax
	jmp	1b
guest_long_mmio_end:

/* Reads the first huge page, writes to the second, then reads rcx pages at PREFAULT_BASE. */
program guest_long_huge
	touch	%rbx, %rsi
	mov	$HUGE_BASE, %edx
	movb	(%rdx), %al
	movb	$1, 0x200000(%rdx)
	mov	$PREFAULT_BASE, %edx
	jrcxz	2f
1:	movb	(%rdx), %al
	add	$0x1000, %rdx
	loop	1b
2:	out	%al, $PORT_TOUCHED
1:	incb	PAGE_WRITTEN(%rbx)
	out	%al, $PORT_TICK
	jmp	1b
guest_long_huge_end:

program guest_long_stride
	touch	%rbx, %rsi
	out	%al, $PORT_TOUCHED
2:	mov	$STRIDE_BASE, %edx
	mov	$STRIDE_SIZE / 0x1000, %ecx
1:	incb	(%rdx)
	out	%al, $PORT_TICK
	add	$0x1000, %rdx
	loop	1b
	out	%al, $PORT_WRAP
	jmp	2b
guest_long_stride_end:

	.section .note.GNU-stack, "", @progbits
