// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/vma.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Nodes of a maple tree have 256 bytes: parent, pivots, slots. The DWARF of kvm.ko does not
 * describe them; they have been like this since 6.1, 54a611b60590 ("Maple Tree: add new data
 * structure"). A node is used only if its parent is the node that points to it.
 */
#define MAPLE_NODE_MASK	      255ULL
#define MAPLE_NODE_TYPE_SHIFT 3
#define MAPLE_NODE_TYPE_MASK  15
#define MAPLE_LEAF_64	      1
#define MAPLE_RANGE_64	      2
#define MAPLE_ARANGE_64	      3
#define MAPLE_RANGE64_SLOTS   16
#define MAPLE_ARANGE64_SLOTS  10
#define MAPLE_HEIGHT_MAX      31
#define MAPLE_NODE	      "maple_node"

/* xa_is_node() of a root entry */
static bool is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

static void give_up(struct km_vma *vma, const char *why)
{
	snprintf(vma->trouble, sizeof(vma->trouble), "%s", why);
}

static void read_vma(const struct km_kernel *k, uint64_t mm, uint64_t addr, uint64_t found,
		     struct km_vma *vma)
{
	struct km_val owner;

	vma->addr = found;
	vma->known = true;
	if (!found)
		return;
	owner = km_kget(k, found, KM_M_vm_area_struct_vm_mm);
	vma->start = km_kget(k, found, KM_M_vm_area_struct_vm_start);
	vma->end = km_kget(k, found, KM_M_vm_area_struct_vm_end);
	vma->flags = km_kget(k, found, KM_M_vm_area_struct_vm_flags);
	vma->file = km_kget(k, found, KM_M_vm_area_struct_vm_file);
	vma->userfaultfd = km_kget(k, found, KM_M_vm_area_struct_userfaultfd);
	if (owner.v != mm || !km_is_known(vma->start) || addr < vma->start.v ||
	    addr >= vma->end.v) {
		vma->known = false;
		give_up(vma,
			"the VMA in the tree is not readable, or does not contain the address");
	}
}

/*
 * Each node is between those above it that are lower and higher, so the search ends. Mirrors
 * find_vma() before 6.1.
 */
static km_error *find_in_rb_tree(const struct km_kernel *k, uint64_t mm, uint64_t addr,
				 struct km_vma *vma)
{
	const struct km_member *rb = km_layout_member(k->layout, KM_M_vm_area_struct_vm_rb);
	struct km_val node = km_kget(k, mm, KM_M_mm_struct_mm_rb);
	uint64_t low = 0, high = UINT64_MAX;

	if (km_is_known(node) && !node.v)
		give_up(vma, "the tree of VMAs is empty");
	while (rb && km_is_known(node) && node.v) {
		uint64_t at = node.v - rb->offset;
		struct km_val start = km_kget(k, at, KM_M_vm_area_struct_vm_start);
		struct km_val end = km_kget(k, at, KM_M_vm_area_struct_vm_end);
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		if (!km_is_known(start) || !km_is_known(end))
			break;
		if (start.v < low || start.v >= end.v || end.v > high) {
			give_up(vma, "the tree of VMAs is corrupt");
			return NULL;
		}
		if (addr >= start.v && addr < end.v) {
			read_vma(k, mm, addr, at, vma);
			return NULL;
		}
		if (addr < start.v) {
			high = start.v;
			node = km_kget(k, node.v, KM_M_rb_node_rb_left);
		} else {
			low = end.v;
			node = km_kget(k, node.v, KM_M_rb_node_rb_right);
		}
		if (km_is_known(node) && !node.v) {
			read_vma(k, mm, addr, 0, vma);
			return NULL;
		}
	}
	if (!vma->trouble[0])
		give_up(vma, "a node of the tree of VMAs is not readable");
	return NULL;
}

km_error *km_vma_lookup(const struct km_kernel *k, uint64_t mm, uint64_t addr, struct km_vma *vma)
{
	struct km_val tree = km_addr_of(k->layout, mm, KM_M_mm_struct_mm_mt);
	struct km_val root = km_kget(k, tree.v, KM_M_maple_tree_ma_root);
	uint64_t entry = root.v, parent = tree.v, max = UINT64_MAX;

	memset(vma, 0, sizeof(*vma));
	if (mm && tree.known == KM_ABSENT && km_has(k->layout, KM_M_mm_struct_mm_rb))
		return find_in_rb_tree(k, mm, addr, vma);
	if (!mm || !km_is_known(tree) || !km_is_known(root)) {
		give_up(vma, mm && tree.known == KM_ABSENT
				     ? "this kernel does not keep VMAs in a tree that is known"
				     : "mm_struct is not readable");
		return NULL;
	}
	/* a tree with one entry at 0 has no node; a process never has one */
	for (int height = 0; height ? entry : is_node(entry); height++) {
		uint64_t at = entry & ~MAPLE_NODE_MASK, words[MAPLE_RANGE64_SLOTS];
		unsigned type = entry >> MAPLE_NODE_TYPE_SHIFT & MAPLE_NODE_TYPE_MASK, slots, i;
		km_scoped_error *unreadable = NULL;
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		slots = type == MAPLE_ARANGE_64 ? MAPLE_ARANGE64_SLOTS : MAPLE_RANGE64_SLOTS;
		/* the parent, then one pivot less than slots */
		unreadable = km_read_virt_as(k->mem, at, words, slots * 8, MAPLE_NODE);
		if (unreadable || type < MAPLE_LEAF_64 || type > MAPLE_ARANGE_64 ||
		    height == MAPLE_HEIGHT_MAX) {
			give_up(vma, unreadable ? "a node of the tree of VMAs is not readable"
						: "the tree of VMAs is corrupt");
			return NULL;
		}
		/* the parent of the root is the tree, with bit 0 set; other low bits are the slot
		 */
		if (height ? (words[0] & ~MAPLE_NODE_MASK) != parent
			   : (words[0] & ~1ULL) != tree.v) {
			give_up(vma, "the tree of VMAs is corrupt");
			return NULL;
		}
		for (i = 0; i + 1 < slots; i++) {
			uint64_t pivot = words[1 + i];

			if (i && !pivot)
				break; /* the rest is unused: this slot ends at the maximum */
			if (addr <= pivot) {
				max = pivot < max ? pivot : max;
				break;
			}
			if (pivot >= max)
				break;
		}
		unreadable = km_read_virt_as(k->mem, at + (slots + i) * 8, &entry, 8, MAPLE_NODE);
		if (unreadable) {
			give_up(vma, "a node of the tree of VMAs is not readable");
			return NULL;
		}
		parent = at;
		if (type == MAPLE_LEAF_64) {
			read_vma(k, mm, addr, entry, vma);
			return NULL;
		}
	}
	/* an empty tree has no entry; above the leaves, no slot is empty */
	give_up(vma, root.v ? "the tree of VMAs is corrupt" : "the tree of VMAs is empty");
	return NULL;
}
