/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest-physical address in a VMCS page. A processor writes a VMCS to its page at VMCLEAR,
 * which kdump does for all that are loaded. The layout is the processor's own, but KVM keeps the
 * values of many fields elsewhere in memory: these anchors show whether a known layout is the right
 * one and whether the page is current, and find fields in an unknown layout. Pure functions.
 *
 * An address is returned only if no other one is possible: with a known layout, if all anchors are
 * in their places; else, if the field of the address is found by anchors alone (see
 * km_vmcs_find_address()).
 */
#ifndef KVMMMU_VMCS_PAGE_H
#define KVMMMU_VMCS_PAGE_H

#include "base/memory.h"
#include "kvm/memslots.h"

/* Fields and their bytes; those of which KVM keeps the value are anchors. */
#define KM_VMCS_FIELDS(F)                                                                          \
	F(ept_pointer, 8)                                                                          \
	F(host_cr3, 8)                                                                             \
	F(host_cr4, 8)                                                                             \
	F(host_fs_base, 8)                                                                         \
	F(host_gs_base, 8)                                                                         \
	F(host_rsp, 8)                                                                             \
	F(msr_bitmap, 8)                                                                           \
	F(pml_address, 8)                                                                          \
	F(tsc_offset, 8)                                                                           \
	F(vmcs_link_pointer, 8)                                                                    \
	F(pin_controls, 4)                                                                         \
	F(exec_controls, 4)                                                                        \
	F(secondary_controls, 4)                                                                   \
	F(entry_controls, 4)                                                                       \
	F(exit_controls, 4)                                                                        \
	F(exit_reason, 4)                                                                          \
	F(exit_qualification, 8)                                                                   \
	F(guest_linear_address, 8)                                                                 \
	F(guest_physical_address, 8)

enum km_vmcs_field {
#define KM_VMCS_ID(name, bytes) KM_VMCS_##name,
	KM_VMCS_FIELDS(KM_VMCS_ID)
#undef KM_VMCS_ID
		KM_VMCS_FIELD_COUNT,
};

/* Byte offsets; 0: not known (there is the revision id). */
struct km_vmcs_offsets {
#define KM_VMCS_OFFSET(name, bytes) uint16_t name;
	KM_VMCS_FIELDS(KM_VMCS_OFFSET)
#undef KM_VMCS_OFFSET
};

struct km_vmcs_layout {
	const char *source;
	uint32_t revision; /* 0: any */
	struct km_vmcs_offsets at;
};

/* A VMCS page and what KVM keeps of it. */
struct km_vmcs_page {
	uint8_t bytes[KM_PAGE_SIZE];
	bool no_linear; /* the linear address is not in @bytes, as in a capsule */
	/* the anchors; guest_physical_address: of a fault on the stack that is being handled */
	struct km_val anchors[KM_VMCS_FIELD_COUNT];
};

/* How an address was found. */
enum km_vmcs_how {
	KM_VMCS_NOT_FOUND,
	KM_VMCS_BY_TABLE,	/* a known layout, confirmed by anchors */
	KM_VMCS_BY_CALIBRATION, /* an unknown layout */
};

struct km_vmcs_address {
	enum km_vmcs_how how;
	uint64_t gpa;
	struct km_val linear;	     /* guest linear address, if it is known to be valid */
	struct km_val qualification; /* of the last exit, in a known layout */
	unsigned anchors;	     /* that are in their places */
	const char *source;	     /* of the layout; NULL: calibrated */
	const char *why;	     /* KM_VMCS_NOT_FOUND: why */
};

/* The known layouts. *@count is set to their number. */
const struct km_vmcs_layout *km_vmcs_layouts(size_t *count);

/*
 * Find the layout of @page among the known ones. Return NULL if none has all known anchors in their
 * places, or if the page is not current. *@anchors is set to their number.
 */
const struct km_vmcs_layout *km_vmcs_find_layout(const struct km_vmcs_page *page,
						 unsigned *anchors);

/*
 * Find the address in @pages[@of], which are VMCS pages of one host. @slots are the VM's memslots;
 * NULL: not known. In an unknown layout, at least eight anchors have to be in one place each in all
 * pages. The address is where, in all pages of EPT violations with a linear address,
 *  - there is a GPA, with the page offset of another place (that of the linear address);
 *  - in one of at least two pages, the address of the fault that is being handled is there; or, in
 *    at least three pages with different page offsets, all values are in memslots, and those of no
 *    other such place are.
 * If this leaves several values for the page, the result is KM_VMCS_NOT_FOUND.
 */
struct km_vmcs_address km_vmcs_find_address(const struct km_vmcs_page *pages, size_t count,
					    size_t of, const struct km_memslots *slots);

#endif
