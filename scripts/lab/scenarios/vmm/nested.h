/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical addresses of what a vCPU's guest (nested.S) runs its own guest with; nested.c
 * prepares it.
 */
#ifndef NESTED_H
#define NESTED_H

#define NESTED_VMCB(vcpu)  (TABLES(vcpu) + 0x8000)
#define NESTED_HSAVE(vcpu) (TABLES(vcpu) + 0x9000)
#define NESTED_ROOT(vcpu)  (TABLES(vcpu) + 0xa000) /* and the two levels below it */
#define NESTED_TABLE(vcpu) (TABLES(vcpu) + 0xd000) /* of level 1, for the 2 MiB around the page */
#define NESTED_CODE(vcpu)  (AREA(vcpu) + CODE + 0x800)

#endif
