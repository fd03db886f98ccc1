/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical addresses and ports that the VMM (C) and the guests (assembler) share.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

/* Every vCPU has an area of 64 KiB: pages, each with one known history, its stack and its code. */
#define AREA(vcpu)	  (0x20000 + (vcpu)*0x10000)
#define PAGE_READ	  0x0000 /* only read: the host's zero page */
#define PAGE_WRITTEN	  0x1000
#define PAGE_EXECUTED	  0x2000
#define PAGE_READ_WRITTEN 0x3000 /* read first, then written */
#define PAGE_UNTOUCHED	  0x4000
#define PAGE_MARKED	  0x5000 /* holds a marker; the guest puts port data behind it */
#define STACK_TOP	  0x8000
#define CODE		  0x8000

/* Page tables of the guests that have paging on. */
#define TABLES(vcpu) (0x200000 + (vcpu)*0x10000)

#define RAM_SIZE      0x800000
#define LOG_BASE      0x4000000
#define LOG_SIZE      0x40000
#define STRIDE_BASE   0x8000000
#define STRIDE_SIZE   0x400000
#define HUGE_BASE     0x10000000
#define HUGE_SIZE     0x800000
#define PREFAULT_BASE 0x14000000
#define PREFAULT_SIZE 0x4000000
#define READONLY_BASE 0x20000000
#define READONLY_SIZE 0x10000
#define MMIO_BASE     0x30000000

/* Pages of the dirty-logged slot. */
#define LOG_FOREVER    0  /* written for ever */
#define LOG_ONCE       8  /* this one and the next seven: written once */
#define LOG_READ       16 /* this one and the next three: only read */
#define LOG_UNTOUCHED  24
#define LOG_ONCE_PAGES 8
#define LOG_READ_PAGES 4

#define PORT_TOUCHED 0x80 /* the guest has made the accesses that its pages are named for */
#define PORT_TICK    0x81 /* the guest asks to be paused for a moment */
#define PORT_WRAP    0x82 /* the guest is about to start over */
#define PORT_MARKER  0x83 /* the guest reads a marker */

#endif
