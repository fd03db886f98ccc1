// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/xarray.h"

#include <inttypes.h>

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_MASK  ((1u << XA_CHUNK_SHIFT) - 1)

/*
 * The DWARF of kvm.ko only declares struct xa_node. Its layout has not changed since 4.20,
 * 01959dfe771c ("xarray: Define struct xa_node"), and each node's back pointer to the array is
 * checked.
 */
#define XA_NODE_SHIFT_OFFSET 0
#define XA_NODE_ARRAY_OFFSET 16
#define XA_NODE_SLOTS_OFFSET 40

static uint32_t node_offset(const struct km_kernel *kernel, enum km_member_id id, uint32_t known)
{
	const struct km_member *m = km_layout_member(kernel->layout, id);

	return m ? m->offset : known;
}

km_error *km_xarray_load(const struct km_kernel *kernel, uint64_t xa, uint64_t index,
			 uint64_t *entry)
{
	uint32_t shift_at = node_offset(kernel, KM_M_xa_node_shift, XA_NODE_SHIFT_OFFSET);
	uint32_t array_at = node_offset(kernel, KM_M_xa_node_array, XA_NODE_ARRAY_OFFSET);
	uint32_t slots_at = node_offset(kernel, KM_M_xa_node_slots, XA_NODE_SLOTS_OFFSET);
	struct km_val head = km_kget(kernel, xa, KM_M_xarray_xa_head);
	unsigned above = 64;

	*entry = 0;
	if (!km_is_known(head))
		return km_errorf(KM_EREAD, "xarray at 0x%" PRIx64 " is not readable", xa);
	/* an internal entry ends in binary 10, and is a node if it is a pointer: xa_is_node() */
	while ((head.v & 3) == 2 && head.v > 4096) {
		uint64_t node = head.v & ~3ULL, array;
		uint8_t shift;
		km_error *err = km_read_virt_as(kernel->mem, node + shift_at, &shift, 1,
						km_member_name(KM_M_xa_node_shift));

		if (!err)
			err = km_read_virt_as(kernel->mem, node + array_at, &array, 8,
					      km_member_name(KM_M_xa_node_array));
		if (err)
			return km_error_context(err, "xarray node");
		if (array != xa || shift >= above || shift % XA_CHUNK_SHIFT)
			return km_errorf(KM_EDATA, "0x%" PRIx64 " is not an xarray node", node);
		if (above == 64 && index >> shift > XA_CHUNK_MASK)
			return NULL;
		above = shift;
		err = km_read_virt_as(kernel->mem,
				      node + slots_at + ((index >> shift) & XA_CHUNK_MASK) * 8,
				      &head.v, 8, km_member_name(KM_M_xa_node_slots));
		if (err)
			return km_error_context(err, "xarray slot");
		if (!shift) {
			*entry = head.v;
			return NULL;
		}
	}
	/* a single entry at index 0 needs no node */
	if (above == 64 && !index)
		*entry = head.v;
	return NULL;
}
