# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger changes in the kernel if there is no natural way into a state; runs inside gdb.

Changes are undone after the dump, so that the next scenario of the same boot finds an intact kernel. A
twin's act differs from its scenario's in one thing.
"""

import time

import oracle
from stop import CONFIG, page_offset

W = 1 << 1


def nonleaf_w(play):
    """Clear W in the level 2 entry above the page; the twin: above a page that is not touched any more."""
    entry = next(e for e in play.walk(play.spare if play.scenario.twin else play.page) if e.level == 2)
    play.poke(entry.where, entry.value & ~W, "W of the level 2 SPTE")


def active_table(play):
    return oracle.permissions(play.vcpu["arch"]["mmu"].dereference())


def zero_table(play):
    if play.scenario.twin:
        return
    table = active_table(play)
    for i in range(16):
        play.poke(table[i].address, 0, f"permissions[{i}]")


def flip_write(play):
    """Flip the bit of word 3 (a user's write) for an SPTE with R, U and X and without W."""
    word = active_table(play)[3]
    play.poke(word.address, int(word) ^ 1 << 13, "bit 13 of permissions[3]")
    if play.scenario.twin:
        play.go_on()
        time.sleep(0.5)
        play.stop_in_host()
        play.put_back()


def flip_any(play):
    """Flip a random bit of the active table; the twin: of the table for nested guests."""
    mmu = play.vcpu["arch"]["guest_mmu" if play.scenario.twin else "root_mmu"]
    word = oracle.permissions(mmu)[i := play.dice.randrange(16)]
    bit = play.dice.randrange(8 * word.type.sizeof)
    play.poke(word.address, int(word) ^ 1 << bit, f"bit {bit} of permissions[{i}]")


def version():
    """(6, 12) of generation 6.12 or 6.12-rt."""
    return tuple(map(int, CONFIG["generation"].partition("-")[0].split(".")))


def leak_invalidation(play):
    kvm, first, unit = play.kvm, play.page >> 12, 1
    if version() == (6, 1):  # host addresses there
        first, unit = int(play.stage["hva"], 16) + play.page - int(play.stage["base"], 16), 4096
    play.poke(kvm["mmu_invalidate_range_start"].address, first, "mmu_invalidate_range_start")
    play.poke(kvm["mmu_invalidate_range_end"].address, first + unit, "mmu_invalidate_range_end")
    if not play.scenario.twin:
        play.poke(kvm["mmu_invalidate_in_progress"].address, 1, "mmu_invalidate_in_progress")


def kernel_word(symbol):
    return int(oracle.pointer(int(CONFIG["symbols"][symbol], 16), "unsigned long").dereference())


def shadow_page(table):
    """Return the kvm_mmu_page of the page table at this physical address."""
    page = oracle.pointer(kernel_word("vmemmap_base"), "struct page") + (table >> 12)
    return oracle.pointer(int(page["private"]), "struct kvm_mmu_page").dereference()


def bit_field(value, name):
    field = next(f for f in value.type.strip_typedefs().fields() if f.name == name)
    return field.bitpos, (1 << field.bitsize) - 1


def root_page(play):
    mmu = play.vcpu["arch"]["mmu"].dereference()
    return shadow_page(oracle.number(mmu["root"]["hpa"]) & oracle.ADDRESS)


def change_generation(play, page):
    where = page["mmu_valid_gen"].address
    play.poke(where, int(where.dereference()) ^ 1, "mmu_valid_gen")


def role_bits(page):
    """Return the anonymous struct in the role."""
    role = page["role"]
    return next(role[f] for f in role.type.strip_typedefs().fields() if f.name in (None, ""))


def change_role(play, page, name, change):
    shift, mask = bit_field(role_bits(page), name)
    word = page["role"]["word"]
    old = int(word) >> shift & mask
    play.poke(word.address, int(word) & ~(mask << shift) | change(old) << shift, f"role.{name}")


def invalid_root(play):
    if play.scenario.twin:
        change_generation(play, root_page(play))
    else:
        change_role(play, root_page(play), "invalid", lambda _: 1)


def old_root(play):
    """Change the root's generation; the twin: that of a page table below it."""
    root = play.walk(play.page)[0].value & oracle.ADDRESS
    change_generation(play, shadow_page(root) if play.scenario.twin else root_page(play))


def wide_gpa(play):
    """Change the address that the processor reports and that the handler uses."""
    gpa = 1 << 48 | play.page if not play.scenario.twin else (1 << 48) - 0x1000
    fault = oracle.pointer(int(play.live["address"], 16), "struct kvm_page_fault").dereference()
    svm = oracle.pointer(int(play.vcpu.address), "struct vcpu_svm")
    play.poke(svm["vmcb"]["control"]["exit_info_2"].address, gpa, "exit_info_2")
    play.poke(address_of(fault, "addr"), gpa, "kvm_page_fault.addr")
    play.poke(address_of(fault, "gfn"), gpa >> 12, "kvm_page_fault.gfn")
    play.poke(address_of(fault, "slot", "unsigned long"), 0, "kvm_page_fault.slot")


def address_of(structure, name, type_name=None):
    """Return a pointer to a member that gdb can write through, even if the member is const."""
    return oracle.pointer(int(structure[name].address), type_name or "unsigned long")


def wrong_level(play):
    leaf = play.walk(play.page)[-1]
    page = shadow_page(int(leaf.where) - page_offset() & ~0xfff)
    if play.scenario.twin:
        change_generation(play, page)
    else:
        change_role(play, page, "level", lambda level: level + 1)


def wrong_gfn(play):
    """Change gfn of the level 1 page table; the twin: of the one for the guest's code, off the walk."""
    code = 0x28000 + 0x10000 * play.stage["subject"]
    leaf = play.walk(code if play.scenario.twin else play.page)[-1]
    page = shadow_page(int(leaf.where) - page_offset() & ~0xfff)
    where = address_of(page, "gfn")
    play.poke(where, int(where.dereference()) ^ 0x200, "gfn of a kvm_mmu_page")


def wrong_context(play):
    """Let arch.mmu point to the context of nested guests; the twin: change that context, which is not used."""
    arch = play.vcpu["arch"]
    if play.scenario.twin:
        play.poke(address_of(arch["guest_mmu"]["root"], "hpa"), 0x1000, "guest_mmu.root.hpa")
    else:
        play.poke(address_of(arch, "mmu"), int(arch["guest_mmu"].address), "arch.mmu")


def frozen_spte():
    if version() < (6, 12):
        return 0x5a0
    return 1 << 63 | (0x5a0 if version() < (7, 0) else 0x1a0)


def freeze(play):
    """Freeze the entry at the end of the walk; the twin: one next to it."""
    where = play.walk(play.page)[-1].where
    if play.scenario.twin:
        where = where - 1 if int(where) & 0xff8 else where + 1
        if int(where.dereference()) & 1:
            raise RuntimeError("the entry next to it is in use")
    play.poke(where, frozen_spte(), "the last SPTE of the walk" if not play.scenario.twin else "the SPTE next to it")


def reserved_bit(play):
    leaf = play.walk(play.page)[-1]
    bit = 56 if play.scenario.twin else play.dice.randrange(41, 51)
    play.poke(leaf.where, leaf.value | 1 << bit, f"bit {bit} of the leaf SPTE")


def kill_vm(play):
    play.poke(play.kvm["vm_dead"].address.cast(oracle.pointer(0, "unsigned char").type), 1, "vm_dead")
    for vcpu in oracle.vcpus(play.kvm):
        where = vcpu["requests"].address
        play.poke(where, int(where.dereference()) | 1 << 1, f"KVM_REQ_VM_DEAD of vCPU {int(vcpu['vcpu_id'])}")


def lose_async_pf(play):
    """Let KVM forget the asynchronous page fault that the vCPU waits for."""
    play.poke(play.vcpu["async_pf"]["queued"].address, 0, "async_pf.queued")


def cut_slot(play):
    """Let the slot end before the page, or begin behind it; the twin: let the bystander's slot be a page shorter."""
    slot, wanted = play.slot_of(play.stage["other_slot"] if play.scenario.twin else play.stage["slot"]), play.page >> 12
    first, pages = int(slot["base_gfn"]), int(slot["npages"])
    if play.scenario.twin:
        play.poke(address_of(slot, "npages"), pages - 1, "npages of another memslot")
        return
    if wanted > first:
        play.poke(address_of(slot, "npages"), wanted - first, "npages of the memslot")
    else:
        play.poke(address_of(slot, "base_gfn"), first + 1, "base_gfn of the memslot")
    fault = oracle.pointer(int(play.live["address"], 16), "struct kvm_page_fault").dereference()
    play.poke(address_of(fault, "slot", "unsigned long"), 0, "kvm_page_fault.slot")


def seq_bit31(play):
    where = play.kvm["mmu_invalidate_seq"].address
    play.poke(where, int(where.dereference()) | 1 << 31, "mmu_invalidate_seq")
