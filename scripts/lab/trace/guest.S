/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of the load's guests: forever one access to a random page of a random range.
 *
 * Each round uses one random 32-bit word: bits 0-3 choose the range, bits 4-11 the kind of access, bits
 * 12-31 the page. The ranges are at PARAMETERS of the vCPU's area (load.h).
 */
#include "load.h"

	.section .rodata

	.macro random_word
	mov	%ebp, %eax
	shl	$13, %eax
	xor	%eax, %ebp
	mov	%ebp, %eax
	shr	$17, %eax
	xor	%eax, %ebp
	mov	%ebp, %eax
	shl	$5, %eax
	xor	%eax, %ebp
	.endm

	/* Puts the page into edx and the kind into al, with @parameters and @range as two more registers. */
	.macro choose parameters range
	mov	%ebp, %edi
	and	$RANGES - 1, %edi
	shl	$RANGE_SHIFT, %edi
	mov	%ebp, %edx
	and	RANGE_MASK(\parameters, \range), %edx
	add	RANGE_BASE(\parameters, \range), %edx
	mov	%ebp, %eax
	shr	$4, %eax
	.endm

	.code32
	.globl	guest_flat_random, guest_flat_random_end
guest_flat_random:
	lea	PARAMETERS(%ebx), %esi
	mov	SEED(%esi), %ebp
1:	random_word
	choose	%esi, %edi
	cmp	RANGE_WRITES(%esi, %edi), %al
	jb	2f
	cmp	RANGE_FETCHES(%esi, %edi), %al
	jb	3f
	movb	(%edx), %al
	jmp	1b
2:	movb	%al, WRITE_AT(%edx)
	jmp	1b
3:	call	*%edx
	jmp	1b
guest_flat_random_end:

	/* Flushes its TLB from time to time, so that the CPU walks (and marks) its tables again. */
	.code64
	.globl	guest_long_random, guest_long_random_end
guest_long_random:
	lea	PARAMETERS(%rbx), %rsi
	mov	SEED(%rsi), %ebp
1:	random_word
	choose	%rsi, %rdi
	cmp	RANGE_WRITES(%rsi, %rdi), %al
	jb	2f
	cmp	RANGE_FETCHES(%rsi, %rdi), %al
	jb	3f
	movb	(%rdx), %al
	jmp	4f
2:	movb	%al, WRITE_AT(%rdx)
	jmp	4f
3:	call	*%rdx
4:	test	$0x3f0, %ebp
	jnz	1b
	mov	%cr3, %rax
	mov	%rax, %cr3
	jmp	1b
guest_long_random_end:

	/* Writes to the pages of the first range in turn. */
	.code32
	.globl	guest_flat_sweep, guest_flat_sweep_end
guest_flat_sweep:
	lea	PARAMETERS(%ebx), %esi
	xor	%ecx, %ecx
1:	add	$0x1000, %ecx
	and	RANGE_MASK(%esi), %ecx
	mov	RANGE_BASE(%esi), %edx
	incb	WRITE_AT(%edx, %ecx)
	jmp	1b
guest_flat_sweep_end:

	.section .note.GNU-stack, "", @progbits
