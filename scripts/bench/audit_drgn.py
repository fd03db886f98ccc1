# SPDX-License-Identifier: GPL-2.0-or-later
"""Walk the page tables of a VM with drgn, for Linux 7.3, and check two things: audit_drgn.py DUMP VM DEBUGINFO...

Each page table is the one that its parent's entry is for (level and gfn), and each writable leaf is host-writable.
This is a small part of what `kvmmmu audit` checks. Prints page tables, leaves and contradictions."""

import struct
import sys

import drgn
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each

PRESENT, W, PS, HOST_WRITABLE = 1 << 11, 2, 1 << 7, 1 << 9
ADDRESS = (1 << 52) - 4096

prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info(sys.argv[3:])
kvm = list(list_for_each_entry("struct kvm", prog["vm_list"].address_of_(), "vm_list"))[-1 - int(sys.argv[2])]  # the newest is first
_, first = next(iter(xa_for_each(kvm.vcpu_array.address_of_())))
root = drgn.cast("struct kvm_vcpu *", first).arch.root_mmu.root.hpa.value_() & ADDRESS
vmemmap, page_size = prog["vmemmap_base"].value_(), prog.type("struct page").size
private_at = prog.type("struct page").member("private").offset
sp_type = prog.type("struct kvm_mmu_page")
offset = {name: sp_type.member(name).offset for name in ("role", "gfn")}


def shadow_page(pa):
    """(level, gfn) of the kvm_mmu_page of a page table."""
    sp = prog.read_u64(vmemmap + (pa >> 12) * page_size + private_at)
    return prog.read_u32(sp + offset["role"]) & 15, prog.read_u64(sp + offset["gfn"])


tables = leaves = wrong = 0
todo = [(root, *shadow_page(root))]
while todo:
    pa, level, gfn = todo.pop()
    tables += 1
    for index, entry in enumerate(struct.unpack("<512Q", prog.read(pa, 4096, physical=True))):
        if not entry & PRESENT:
            continue
        if level > 1 and not entry & PS:
            child = shadow_page(entry & ADDRESS)
            wrong += child != (level - 1, gfn + (index << 9 * (level - 1)))
            todo.append((entry & ADDRESS, level - 1, gfn + (index << 9 * (level - 1))))
            continue
        leaves += 1
        wrong += entry & W and not entry & HOST_WRITABLE
print(tables, leaves, wrong)
