# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger does to the kernel, where no natural way leads to a state; runs inside gdb.

An act gets the play; what it pokes is put back after the dump, so that the next scenario of the same boot
finds a sound kernel. A twin's act is its scenario's with one thing different.
"""

import time

import oracle
from stop import CONFIG, page_offset, poke

W = 1 << 1


def nonleaf_w(play):
    """W out of the level 2 entry above the page; the twin: above a page that nobody touches any more."""
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
    """The bit of word 3 (a user's write) that stands for R, U and X without W."""
    word = active_table(play)[3]
    play.poke(word.address, int(word) ^ 1 << 13, "bit 13 of permissions[3]")
    if play.scenario.twin:
        play.go_on()
        time.sleep(0.5)
        play.stop_in_host()
        play.put_back()


def flip_any(play):
    """Any bit of the table in use; the twin: of the one that is for nested guests' pages."""
    mmu = play.vcpu["arch"]["guest_mmu" if play.scenario.twin else "root_mmu"]
    i, bit = play.dice.randrange(16), play.dice.randrange(8)
    word = mmu["permissions"][i]
    play.poke(word.address, int(word) ^ 1 << bit, f"bit {bit} of permissions[{i}]")


def leak_invalidation(play):
    kvm, page = play.kvm, play.other if play.scenario.twin else play.page
    first, unit = page >> 12, 1
    if CONFIG["generation"] == "6.1":  # host addresses there
        first, unit = int(play.stage["hva"], 16) + page - int(play.stage["base"], 16), 4096
    play.poke(kvm["mmu_invalidate_range_start"].address, first, "mmu_invalidate_range_start")
    play.poke(kvm["mmu_invalidate_range_end"].address, first + unit, "mmu_invalidate_range_end")
    play.poke(kvm["mmu_invalidate_in_progress"].address, 1, "mmu_invalidate_in_progress")


def kernel_word(symbol):
    return int(oracle.pointer(int(CONFIG["symbols"][symbol], 16), "unsigned long").dereference())


def shadow_page(table):
    """The kvm_mmu_page of a page table at this physical address."""
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
    """The anonymous struct in the role."""
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


def wrong_level(play):
    leaf = play.walk(play.page)[-1]
    page = shadow_page(int(leaf.where) - page_offset() & ~0xfff)
    if play.scenario.twin:
        change_generation(play, page)
    else:
        change_role(play, page, "level", lambda level: level + 1)


def freeze(play):
    """The entry at the end of the walk, or, for the twin, one beside it."""
    where = play.walk(play.page)[-1].where
    if play.scenario.twin:
        where = where - 1 if int(where) & 0xff8 else where + 1
        if int(where.dereference()) & 1:
            raise RuntimeError("the entry beside is in use")
    frozen = {"6.1": 0x5a0, "6.12": 1 << 63 | 0x5a0}.get(CONFIG["generation"], 1 << 63 | 0x1a0)
    play.poke(where, frozen, "the last SPTE of the walk" if not play.scenario.twin else "the SPTE beside it")


def reserved_bit(play):
    leaf = play.walk(play.page)[-1]
    bit = 56 if play.scenario.twin else play.dice.randrange(41, 51)
    play.poke(leaf.where, leaf.value | 1 << bit, f"bit {bit} of the leaf SPTE")


def kill_vm(play):
    play.poke(play.kvm["vm_dead"].address.cast(oracle.pointer(0, "unsigned char").type), 1, "vm_dead")
    for vcpu in oracle.vcpus(play.kvm):
        where = vcpu["requests"].address
        play.poke(where, int(where.dereference()) | 1 << 1, f"KVM_REQ_VM_DEAD of vCPU {int(vcpu['vcpu_id'])}")


def seq_bit31(play):
    where = play.kvm["mmu_invalidate_seq"].address
    play.poke(where, int(where.dereference()) | 1 << 31, "mmu_invalidate_seq")
