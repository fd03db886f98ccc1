# SPDX-License-Identifier: GPL-2.0-or-later
"""Read KVM's view of its machines out of a stopped kernel with gdb.

This is the tests' oracle. It shares no code with the program under test. Structure layouts come from
kvm.ko's debuginfo; members that a kernel does not have are left out.
"""

import gdb

ADDRESS = 0x000FFFFFFFFFF000
COUNTERS = """pf_taken pf_fixed pf_emulate pf_spurious pf_fast pf_mmio_spte_created pf_guest exits
    mmio_exits io_exits halt_exits irq_exits""".split()
MASKS = """shadow_host_writable_mask shadow_mmu_writable_mask shadow_nx_mask shadow_user_mask
    shadow_accessed_mask shadow_dirty_mask shadow_x_mask shadow_xs_mask shadow_xu_mask
    shadow_present_mask shadow_mmio_mask shadow_mmio_access_mask shadow_mmio_value shadow_me_mask
    shadow_me_value shadow_acc_track_mask shadow_nonpresent_or_rsvd_mask
    shadow_nonpresent_or_rsvd_lower_gfn_mask enable_mmio_caching tdp_enabled tdp_mmu_enabled
    kvm_ad_enabled""".split()


def number(value):
    return int(value.cast(gdb.lookup_type("unsigned long"))) if value.type.code in (
        gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_ENUM) else int(value)


def hexa(value):
    return f"{number(value) & (1 << 64) - 1:#x}"


def member(value, path):
    """Return value.path, or None if this kernel has no such member."""
    for name in path.split("."):
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            value = value.dereference()
        if not any(name == field.name or field.name in (None, "") for field in value.type.fields()):
            return None
        try:
            value = value[name]
        except gdb.error:
            return None
    return value


def either(value, path, older):
    """Return the member that this kernel has, or None."""
    found = member(value, path)
    return member(value, older) if found is None else found


def pointer(address, type_name):
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer())


def container(address, type_name, path):
    offset = int(pointer(0, type_name).dereference()[path].address) if isinstance(path, str) else path
    return pointer(address - offset, type_name)


def collect(value, spec):
    """Return those members of @spec (name: path) that exist."""
    found = {}
    for name, path in spec.items():
        item = member(value, path)
        if item is not None:
            found[name] = item
    return found


def global_number(name):
    try:
        value = gdb.parse_and_eval(name)
    except gdb.error:
        return None
    return hexa(value)


def masks():
    return {name: value for name in MASKS if (value := global_number(name)) is not None}


def list_entries(head, type_name, path):
    node = head["next"]
    while int(node) != int(head.address):
        yield container(int(node), type_name, path)
        node = node["next"]


def xarray(head):
    """Yield the entries of an xarray, in order."""
    entry = number(head)
    if entry == 0:
        return
    if entry & 3 != 2 or entry <= 4096:
        yield entry
        return
    # kvm.ko's debuginfo lacks struct xa_node. Its slots come after four bytes (and padding), two
    # pointers and a list head.
    slots = pointer(entry - 2 + 40, "unsigned long")
    for i in range(64):
        yield from xarray(slots[i])


def rb_nodes(node):
    if int(node) == 0:
        return
    yield from rb_nodes(node["rb_left"])
    yield int(node)
    yield from rb_nodes(node["rb_right"])


def slots_in_tree(slots):
    index = int(slots["node_idx"])
    node_type = gdb.lookup_type("struct kvm_memory_slot")
    offset = int(pointer(0, "struct kvm_memory_slot").dereference()["gfn_node"][index].address)
    for node in rb_nodes(slots["gfn_tree"]["rb_node"]):
        yield gdb.Value(node - offset).cast(node_type.pointer()).dereference()


def slots_in_array(slots):
    """Before 5.17; the last one is first."""
    for i in reversed(range(int(slots["used_slots"]))):
        yield slots["memslots"][i]


def memslots(slots, as_id):
    found = []
    for slot in (slots_in_array if member(slots, "gfn_tree") is None else slots_in_tree)(slots):
        found.append({
            "address": hexa(slot.address),
            "id": int(slot["id"]),
            "as_id": as_id,
            "base_gfn": hexa(slot["base_gfn"]),
            "npages": int(slot["npages"]),
            "userspace_addr": hexa(slot["userspace_addr"]),
            "flags": int(slot["flags"]),
        })
    return {"generation": hexa(slots["generation"]), "slots": found}


def walk_context(walk):
    return {
        "address": hexa(walk.address),
        "cpu_role": hexa(walk["cpu_role"]["as_u64"]),
        **table_state(walk),
    }


def permissions(context):
    """Return the permission table of an MMU, or of a guest walk on kernels that have those."""
    table = member(context, "fmt.permissions")
    return context["permissions"] if table is None else table


def table_state(context):
    table = permissions(context)
    pkru = member(context, "fmt.pkru_mask")
    return {
        "table": hexa(table.address),
        "word_type": str(table[0].type.strip_typedefs()),
        "permissions": words(table),
        "pkru_mask": hexa(context["pkru_mask"] if pkru is None else pkru),
    }


def words(array):
    low, high = array.type.range()
    return [f"{int(array[i]):#x}" for i in range(low, high + 1)]


def mmu_context(mmu):
    found = {
        "address": hexa(mmu.address),
        "root_hpa": hexa(either(mmu, "root.hpa", "root_hpa")),
        "root_pgd": hexa(either(mmu, "root.pgd", "root_pgd")),
        "root_role": hexa(either(mmu, "root_role.word", "mmu_role.base.word")),
        "prev_roots": [{"pgd": hexa(root["pgd"]), "hpa": hexa(root["hpa"])}
                       for root in (mmu["prev_roots"][i] for i in range(3))],
        "pae_root": hexa(mmu["pae_root"]),
        **table_state(mmu),
    }
    role = either(mmu, "cpu_role", "mmu_role")
    if role is not None:
        found["cpu_role"] = hexa(role["as_u64"])
    walk = member(mmu, "w")
    if walk is not None:
        found["w"] = hexa(walk)
        if int(walk):
            found["cpu_role"] = hexa(walk["cpu_role"]["as_u64"])
    return found


def last_exit(vcpu):
    svm = pointer(int(vcpu.address), "struct vcpu_svm")
    control = svm["vmcb"]["control"]
    return {
        "vmcb": hexa(svm["vmcb"]),
        "exit_code": hexa(control["exit_code"]),
        "exit_info_1": hexa(control["exit_info_1"]),
        "exit_info_2": hexa(control["exit_info_2"]),
    }


def content(value):
    """Return the bytes of an object, in hexadecimal."""
    return bytes(gdb.selected_inferior().read_memory(int(value.address), value.type.sizeof)).hex()


def private_state(vcpu):
    """Return the guest's private data, where the VMM planted its markers."""
    arch = vcpu["arch"]
    return {
        "r12, r13": content(arch["regs"][12]) + content(arch["regs"][13]),
        "xmm0": content(either(arch, "guest_fpu.fpstate.regs", "guest_fpu.state")["fxsave"]["xmm_space"])[:32],
        "MMIO data": content(vcpu["run"]["mmio"]["data"]),
        "port data": bytes(gdb.selected_inferior().read_memory(int(arch["pio_data"]), 16)).hex(),
    }


def vcpu_state(vcpu):
    arch = vcpu["arch"]
    contexts = {}
    for name in ("root_mmu", "guest_mmu", "nested_mmu"):
        context = member(arch, name)
        if context is not None:
            contexts[name] = mmu_context(context)
    walks = {}
    for name in ("gva_walk", "ngpa_walk"):
        walk = member(arch, name)
        if walk is not None:
            walks[name] = walk_context(walk)
    active = hexa(arch["mmu"])
    walk_mmu = member(arch, "walk_mmu")
    pid = vcpu["pid"]
    rip = member(arch, "rip")
    found = {
        "address": hexa(vcpu.address),
        "vcpu_idx": int(vcpu["vcpu_idx"]),
        "vcpu_id": int(vcpu["vcpu_id"]),
        "tid": int(pid["numbers"][0]["nr"]) if int(pid) else 0,
        "cpu": int(vcpu["cpu"]),
        "mode": int(vcpu["mode"]),
        "requests": hexa(vcpu["requests"]),
        "mp_state": int(arch["mp_state"]),
        "cr0": hexa(arch["cr0"]),
        "cr4": hexa(arch["cr4"]),
        "efer": hexa(arch["efer"]),
        "rip": hexa(rip if rip is not None else arch["regs"][16]),
        "stat": {name: int(vcpu["stat"][name]) for name in COUNTERS
                 if member(vcpu["stat"], name) is not None},
        "mmu": next((n for n, c in contexts.items() if c["address"] == active), active),
        "contexts": contexts,
        "walks": walks,
        "last_exit": last_exit(vcpu),
        "private": private_state(vcpu),
    }
    if walk_mmu is not None:
        found["walk_mmu"] = next((n for n, c in contexts.items()
                                  if c["address"] == hexa(walk_mmu)), hexa(walk_mmu))
    return found


def vcpus(kvm):
    if member(kvm, "vcpu_array") is None:  # before 5.17
        for i in range(int(kvm["online_vcpus"]["counter"])):
            yield kvm["vcpus"][i].dereference()
        return
    for entry in xarray(kvm["vcpu_array"]["xa_head"]):
        yield pointer(entry, "struct kvm_vcpu").dereference()


def vms():
    head = gdb.parse_and_eval("vm_list")
    for kvm in list_entries(head, "struct kvm", "vm_list"):
        yield kvm.dereference()


def owner(kvm):
    task = kvm["mm"]["owner"]
    return int(task["pid"]), task["comm"].string()


def vm_state(kvm):
    pid, comm = owner(kvm)
    found = {
        "address": hexa(kvm.address),
        "owner_pid": pid,
        "owner_comm": comm,
        "online_vcpus": int(kvm["online_vcpus"]["counter"]),
        "mmu_valid_gen": int(kvm["arch"]["mmu_valid_gen"]),
        "memslots": [memslots(kvm["memslots"][i].dereference(), i)
                     for i in range(kvm["memslots"].type.range()[1] + 1)],
        "vcpus": [vcpu_state(vcpu) for vcpu in vcpus(kvm)],
    }
    for name in ("mmu_invalidate_seq", "mmu_invalidate_in_progress", "mmu_invalidate_range_start",
                 "mmu_invalidate_range_end", "mn_active_invalidate_count"):
        value = member(kvm, name)
        if value is not None:
            found[name] = hexa(value)
    for name in ("shadow_mmio_value", "tdp_mmu_enabled", "indirect_shadow_pages", "n_used_mmu_pages"):
        value = member(kvm["arch"], name)
        if value is not None and value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
            found[name] = hexa(value)
    return found


class Physical:
    """Physical memory, read through the kernel's direct map."""

    def __init__(self, page_offset):
        self.page_offset = page_offset

    def u64(self, address):
        return int(pointer(self.page_offset + address, "unsigned long").dereference())


def spte_walk(physical, vcpu, address):
    """Return the raw entries from the root down to the end of the hardware's walk."""
    mmu = vcpu["arch"]["mmu"].dereference()
    root = number(either(mmu, "root.hpa", "root_hpa")) & (1 << 64) - 1
    level = int(either(mmu, "root_role.level", "mmu_role.base.level"))
    entries = []
    if root == (1 << 64) - 1:
        return entries
    while level:
        index = address >> (12 + 9 * (level - 1)) & 511
        entry = physical.u64((root & ADDRESS) + 8 * index)
        entries.append({"level": level, "entry": f"{entry:#x}"})
        if not entry & 1 or (entry & 0x80 and level in (2, 3)):
            break
        root = entry
        level -= 1
    return entries


def state():
    return {"masks": masks(), "vms": [vm_state(kvm) for kvm in vms()]}
