/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical addresses that the nested hypervisor (C prepares them, assembler uses them) needs
 * besides those of ../vmm/layout.h.
 */
#ifndef INTEL_LAYOUT_H
#define INTEL_LAYOUT_H

#include "../vmm/layout.h"

#define NESTED_VMXON  0x400000
#define NESTED_VMCS   0x401000
#define NESTED_FIELDS 0x402000 /* their number, then pairs of encoding and value */
#define NESTED_EPT    0x403000 /* PML4, PDPT, PD, and a page table for each 2 MiB of RAM */
#define NESTED_CODE   0x410000 /* what the nested guest runs */

/* Pages of the nested guest, by what the nested hypervisor lets it do with them. */
#define NESTED_WRITE	  0x500000 /* rwx */
#define NESTED_READ	  0x501000 /* r */
#define NESTED_READ_EXEC  0x502000 /* rx */
#define NESTED_EXEC	  0x503000 /* x only */
#define NESTED_EXEC_SUPER 0x504000 /* x by supervisor-mode linear addresses only (MBEC) */
#define NESTED_EXEC_USER  0x600000 /* x by user-mode linear addresses only (MBEC) */

/* The page of the dirty-logged slot that is written again after the log was read. */
#define LOG_AGAIN 9

#endif
