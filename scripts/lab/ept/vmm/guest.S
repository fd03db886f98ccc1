/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In place of scenarios/vmm/guest.S's guest_hammer (the linker's --wrap): in a loop of two instructions without an
 * exit, no time passes in Bochs.
 */
#include "ports.h"

	.section .rodata
	.code32
	.globl	__wrap_guest_hammer, __wrap_guest_hammer_end
__wrap_guest_hammer:
	out	%al, $PORT_READY
1:	incb	(%ecx)
	mov	%ecx, %esi
	cpuid
	mov	%esi, %ecx
	jmp	1b
__wrap_guest_hammer_end:

	.section .note.GNU-stack, "", @progbits
