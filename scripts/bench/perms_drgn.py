# SPDX-License-Identifier: GPL-2.0-or-later
"""Print what `kvmmmu perms` shows, with drgn, for Linux 7.3: perms_drgn.py DUMP DEBUGINFO..."""

import sys

import drgn
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each

prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info(sys.argv[2:])
for number, kvm in enumerate(list_for_each_entry("struct kvm", prog["vm_list"].address_of_(),
                                                 "vm_list")):
    for index, entry in xa_for_each(kvm.vcpu_array.address_of_()):
        arch = drgn.cast("struct kvm_vcpu *", entry).arch
        for context in ("root_mmu", "guest_mmu", "gva_walk", "ngpa_walk"):
            words = arch.member_(context).fmt.permissions
            print(f"{number}:{index} {context}", *(f"{word.value_():04x}" for word in words))
