// SPDX-License-Identifier: GPL-2.0-or-later
/* The path of a fault with missing memory: what is not readable must not decide anything. */
#include "walk/host_walk.h"
#include "cm.h"

#include "walk/guest_walk.h"
#include "fault/page_fault.h"
#include "walk/vma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a kernel with a few structures, in pages that can be missing ---- */

#define VA    0xffff888000000000ULL
#define PAGES 16
#define KVM   (VA + 0x1000)
#define VCPU  (VA + 0x2000)
#define SP    (VA + 0x3800) /* kvm_mmu_page of the root: tdp_mmu_page is on the next page */
#define VMEM  (VA + 0x8000) /* struct pages: of pfn 0 to 63 */
#define ROOT  0x5000ULL

static struct target {
	struct km_target target;
	uint8_t bytes[PAGES * KM_PAGE_SIZE];
	bool missing[PAGES];
} t;

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	(void)target;
	if (va < VA || va - VA + len > sizeof(t.bytes) || t.missing[(va - VA) / KM_PAGE_SIZE])
		return km_errorf(KM_EREAD, "not there");
	memcpy(buf, t.bytes + (va - VA), len);
	return NULL;
}

static bool no_symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	(void)target;
	(void)name;
	(void)addr;
	return false;
}

static const struct km_target_ops ops = {
	.read_phys = read_virt, .read_virt = read_virt, .symbol = no_symbol};

static void put(uint64_t at, uint64_t value)
{
	memcpy(t.bytes + (at - VA), &value, sizeof(value));
}

/* Members of 8 bytes; this kernel does not have others. */
static const struct {
	const char *tag, *path;
	uint32_t offset;
} members[] = {
	{"kvm", "mem_attr_array", 0x100},
	{"xarray", "xa_head", 0},
	{"page", "private", 0x28},
	{"kvm_mmu_page", "role.word", 0},
	{"kvm_mmu_page", "gfn", 8},
	{"kvm_mmu_page", "mmu_valid_gen", 16},
	{"kvm_mmu_page", "tdp_mmu_page", 0x800},
	{"kvm_page_fault", "mmu_seq", 0},
	{"kvm_memory_slot", "arch.gfn_write_track", 0},
	{"kvm_memory_slot", "gfn_node", 8},
	{"kvm_memory_slot", "base_gfn", 32},
	{"kvm_memory_slot", "npages", 40},
	{"kvm_memory_slot", "flags", 48},
	{"kvm_memory_slot", "id", 56},
	{"kvm_memory_slot", "userspace_addr", 0x800},
	{"kvm", "memslots", 0x200},
	{"mm_struct", "mm_mt", 0},
	{"maple_tree", "ma_root", 8},
	{"vm_area_struct", "vm_end", 0},
	{"vm_area_struct", "vm_mm", 8},
	{"vm_area_struct", "vm_start", 0x800},
	{"vm_area_struct", "vm_flags", 0x10},
	{"vm_area_struct", "vm_file", 0x18},
	{"kvm", "mm", 0x300},
	{"kvm_vcpu", "arch.regs[16]", 0x40},
	{"kvm_vcpu", "arch.guest_state_protected", 0x48},
	{"kvm_vcpu", "stat.nested_run", 0x50},
	{"vcpu_svm", "vcpu", 0x800},
	{"vcpu_svm", "vmcb", 0},
	{"vcpu_svm", "vmcb01.ptr", 8},
	{"vcpu_svm", "nested.vmcb02.ptr", 16},
	{"vcpu_svm", "nested.nested_run_pending", 24},
	{"vmcb", "control.exit_code", 0},
	{"vmcb", "control.exit_info_1", 8},
	{"vmcb", "control.exit_info_2", 16},
	{"mm_struct", "pgd", 0x10},
	{"kvm_memslots", "generation", 0},
	{"kvm_memslots", "gfn_tree.rb_node", 8},
	{"kvm_memslots", "node_idx", 16},
	{"kvm_memslots", "used_slots", 24},
	{"kvm_memslots", "memslots", 0x100},
	{"rb_node", "rb_left", 8},
	{"rb_node", "rb_right", 16},
	{"kvm_vcpu", "arch.root_mmu", 0x100},
	{"kvm_mmu", "permissions", 0x80},
	{"kvm_mmu", "mmu_role.base.word", 0},
	{"kvm_mmu", "mmu_role.ext.word", 8},
	{"kvm_mmu", "root_level", 16},
};
static bool has_mmu_seq, seq_is_int, slots_in_array;

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *found)
{
	(void)types;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (strcmp(members[i].tag, tag) || strcmp(members[i].path, path))
			continue;
		if (!strcmp(path, "mmu_seq") && !has_mmu_seq)
			break;
		if (!strcmp(path, "gfn_node") && slots_in_array)
			break;
		*found = (struct km_member){.offset = members[i].offset, .size = 8, .elem = 8};
		/* an address space each */
		if (!strcmp(tag, "kvm") && !strcmp(path, "memslots"))
			found->count = 2;
		return NULL;
	}
	return km_errorf(KM_EABSENT, "no such member");
}

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	(void)types;
	*size = strcmp(tag, "page") ? 0x900 : 64;
	return strcmp(tag, "page") && strcmp(tag, "kvm_memory_slot")
		       ? km_errorf(KM_EABSENT, "no such type")
		       : NULL;
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	(void)types;
	(void)tag;
	(void)value;
	return km_errorf(KM_EABSENT, "no %s", name);
}

static km_error *parameter(struct km_types *types, const char *function, const char *param,
			   uint32_t *size, bool *is_signed)
{
	(void)types;
	(void)param;
	if (!seq_is_int)
		return km_errorf(KM_EABSENT, "no parameter of %s", function);
	*size = 4;
	*is_signed = true;
	return NULL;
}

static void types_free(struct km_types *types)
{
	(void)types;
}

static const struct km_types_ops types_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.parameter = parameter,
	.free = types_free,
};
static struct km_types types = {.ops = &types_ops};

/* ---- a vCPU's write to a page of its memory, under NPT and the TDP MMU ---- */

#define LEAF 0xd6bee65ULL /* present, user, A, D, host- and MMU-writable, W=0 */

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_vcpu_mmu all;
	struct km_mmu *mmu;
	struct km_spte_masks masks;
	struct km_walk walk;
	struct km_memslot slot;
	struct km_memslots slots;
	struct km_page_fault live;
	struct km_page_fault_state s;
	struct km_page_fault_path path;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

static const struct km_val unreadable = {.known = KM_UNREADABLE};

/* The last SPTE is @spte at level 1. */
static void walk_to(uint64_t spte)
{
	w.walk = (struct km_walk){.addr = 0x4321000, .root_level = 4, .count = 1};
	w.walk.levels[0].level = w.walk.end_level = 1;
	w.walk.levels[0].spte = km_spte_decode(&w.masks, spte, 1);
	w.walk.end =
		w.walk.levels[0].spte.kind == KM_SPTE_PRESENT ? KM_END_LEAF : KM_END_NOT_PRESENT;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	memset(&w, 0, sizeof(w));
	has_mmu_seq = seq_is_int = slots_in_array = false;
	t.target = (struct km_target){.ops = &ops, .host = "test", .name = "test"};
	w.kernel.mem = km_memory_new(&t.target);
	w.kernel.layout = km_layout_new(&types);
	w.kernel.vmemmap_base = VMEM;
	w.kernel.features = (struct km_features){.spte_known = true,
						 .acc = KM_ACC_RWUX,
						 .tdp_known = true,
						 .tdp = true,
						 .invalidate_gfns = true,
						 .write_protected = true};
	w.masks = w.kernel.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	w.vm = (struct km_vm){.addr = KVM,
			      .mm = unreadable,
			      .has_private_mem = val(0),
			      .vm_type = val(0),
			      .tdp_mmu_enabled = val(1),
			      .mmu_valid_gen = val(1),
			      .mmu_invalidate_seq = val(7),
			      .mmu_invalidate_in_progress = val(0),
			      .mmu_invalidate_range_start = val(0),
			      .mmu_invalidate_range_end = val(0),
			      .gfn_direct_bits = {.known = KM_ABSENT}};
	w.vcpu.addr = VCPU;
	w.vcpu.requests = w.vcpu.mode = val(0);
	w.mmu = &w.all.mmus[0];
	w.all.mmu_count = 1;
	w.all.active = w.mmu;
	*w.mmu = (struct km_mmu){.name = "root_mmu", .readable = true, .used = true};
	w.mmu->paging = KM_PAGING_NPT;
	w.mmu->root_role = (struct km_page_role){.level = 4, .direct = 1, .access = 15};
	w.mmu->root.hpa = val(ROOT);
	put(VMEM + (ROOT >> KM_PAGE_SHIFT) * 64 + 0x28, SP);
	put(SP + 0x800, 1);
	w.slot = (struct km_memslot){.base_gfn = 0, .npages = 0x10000, .id = 3};
	w.slot.addr = VA + 0x6000;
	w.slots = (struct km_memslots){.generation = val(0x10), .slots = &w.slot, .count = 1};
	walk_to(LEAF);
	w.live.mmu_seq = w.live.prefetch = w.live.slot = w.live.gfn = unreadable;
	w.s = (struct km_page_fault_state){
		.kernel = &w.kernel,
		.vm = &w.vm,
		.vcpu = &w.vcpu,
		.all = &w.all,
		.mmu = w.mmu,
		.masks = &w.masks,
		.walk = &w.walk,
		.slots = &w.slots,
		.slots_known = true,
		.addr = 0x4321000,
		.error_code = PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_USER_MASK,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	km_layout_free(w.kernel.layout);
	km_memory_free(w.kernel.mem);
	return 0;
}

static const struct km_step *replayed(const char *id)
{
	const struct km_step *step;

	km_memory_forget(w.kernel.mem);
	assert_null(km_page_fault_replay(&w.s, &w.path));
	step = km_path_step(&w.path, id);
	if (!step)
		fail_msg("no step %s", id);
	return step;
}

/* The test environment itself: the fast path fixes an MMU-writable SPTE. */
static void test_fixed(void **state)
{
	(void)state;
	assert_int_equal(replayed("fast")->outcome, KM_STEP_ENDS);
	assert_int_equal(w.path.ret, KM_RET_PF_FIXED);
	assert_non_null(strstr(replayed("handler")->text, "TDP MMU"));
}

/* SEV-SNP: what the RMP denied stays denied, whatever the SPTEs permit. */
static void test_rmp_fault(void **state)
{
	(void)state;
	w.s.error_code |= PFERR_GUEST_RMP_MASK | PFERR_GUEST_SIZEM_MASK;
	walk_to(LEAF | KM_BIT(1));
	assert_int_equal(replayed("fast")->ret, KM_RET_PF_SPURIOUS);
	assert_false(w.path.loops || w.path.loops_known);
	assert_non_null(strstr(w.path.loops_text, "RMP"));
	walk_to(LEAF);
	assert_int_equal(replayed("fast")->ret, KM_RET_PF_FIXED);
	assert_false(w.path.loops_known);
}

/* Reserved bits keep kvm_mmu_page_fault() from taking the private bit from the attributes. */
static void test_mmio_of_a_software_protected_vm(void **state)
{
	(void)state;
	w.vm.vm_type = val(1);
	w.vm.has_private_mem = val(1);
	put(KVM + 0x100, 8 << 1 | 1); /* gfn 0 is private */
	w.s.addr = 0x123;
	w.s.error_code = PFERR_RSVD_MASK | PFERR_USER_MASK;
	walk_to(w.masks.mmio_value);
	w.slots.generation = val(0);
	assert_int_equal(replayed("mmio")->ret, KM_RET_PF_EMULATE);
	/* any other access is private */
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	assert_non_null(strstr(replayed("private")->text, "are private"));
}

static void test_unreadable_has_private_mem(void **state)
{
	(void)state;
	w.vm.has_private_mem = unreadable;
	assert_int_equal(replayed("fast")->outcome, KM_STEP_OPEN);
	w.vm.has_private_mem = (struct km_val){.known = KM_ABSENT};
	assert_int_equal(replayed("fast")->outcome, KM_STEP_ENDS);
}

/* A root whose kvm_mmu_page is not readable: kvm_arch.tdp_mmu_enabled decides. */
static void test_torn_root(void **state)
{
	(void)state;
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	put(SP + 16, 99); /* meaningless in a page of the TDP MMU */
	assert_int_equal(replayed("obsolete-root")->outcome, KM_STEP_PASSES);
	t.missing[4] = true;
	assert_int_equal(replayed("obsolete-root")->outcome, KM_STEP_OPEN);
	assert_non_null(strstr(replayed("handler")->text, "TDP MMU"));
	assert_int_equal(w.path.ret, KM_RET_PF_UNKNOWN);
	/* a shadow page that is obsolete */
	t.missing[4] = false;
	put(SP + 0x800, 0);
	assert_int_equal(replayed("obsolete-root")->ret, KM_RET_PF_RETRY);
}

/* An invalidation without a range yet: is_page_fault_stale() retries for every gfn. */
static void test_invalidation_without_a_range(void **state)
{
	(void)state;
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	w.vm.mmu_invalidate_in_progress = val(1);
	w.vm.mmu_invalidate_range_start = w.vm.mmu_invalidate_range_end = val(~0ULL);
	replayed("invalidation");
	assert_string_equal(w.path.steps[w.path.count - 1].function, "is_page_fault_stale");
	assert_int_equal(w.path.steps[w.path.count - 1].ret, KM_RET_PF_RETRY);
	w.vm.mmu_invalidate_range_start = val(0x5000);
	w.vm.mmu_invalidate_range_end = val(0x6000);
	assert_int_equal(replayed("invalidation")->outcome, KM_STEP_PASSES);
	w.vm.mmu_invalidate_range_start = val(0x4000);
	assert_int_equal(replayed("invalidation")->ret, KM_RET_PF_RETRY);
	/* less than none: leaked */
	w.vm.mmu_invalidate_in_progress = val(-1ULL);
	assert_non_null(strstr(replayed("invalidation")->text, "-1 invalidation"));
	/* before 5.12, there is no range */
	w.kernel.features.invalidate_all = true;
	w.vm.mmu_invalidate_in_progress = val(1);
	w.vm.mmu_invalidate_range_start.known = w.vm.mmu_invalidate_range_end.known = KM_ABSENT;
	assert_int_equal(replayed("invalidation")->ret, KM_RET_PF_RETRY);
	w.slots.count = 0; /* and faults outside all memslots wait, too */
	assert_int_equal(replayed("invalidation")->ret, KM_RET_PF_RETRY);
	w.vm.mmu_invalidate_in_progress = val(0);
	assert_int_equal(replayed("invalidation")->outcome, KM_STEP_PASSES);
}

/* If struct kvm_page_fault has mmu_seq, the parameter is not looked up. */
static void test_mmu_seq_of_a_kernel_between(void **state)
{
	(void)state;
	w.kernel.features.invalidate_gfns = false;
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	w.vm.mmu_invalidate_seq = val(KM_BIT(31));
	assert_int_equal(replayed("mmu-seq")->outcome, KM_STEP_OPEN);
	seq_is_int = true;
	assert_int_equal(replayed("mmu-seq-sign")->ret, KM_RET_PF_RETRY);
	seq_is_int = false;
	km_layout_free(w.kernel.layout);
	has_mmu_seq = true;
	w.kernel.layout = km_layout_new(&types);
	assert_int_equal(replayed("mmu-seq")->outcome, KM_STEP_PASSES);
}

/* GMET: the root's role has no U, and no SPTE gets one. */
static void test_gmet_grants_no_user(void **state)
{
	(void)state;
	w.mmu->root_role.access = ACC_READ_MASK | ACC_WRITE_MASK | ACC_EXEC_MASK;
	w.mmu->root_role.cr4_smep = 1;
	walk_to((LEAF | KM_BIT(1) | KM_BIT(63)) & ~KM_BIT(2));
	w.s.error_code = PFERR_PRESENT_MASK | PFERR_FETCH_MASK;
	assert_non_null(strstr(replayed("map")->text, "does not have X"));
}

/* Without MMIO SPTEs, the access is emulated before the root is checked. */
static void test_mmio_without_sptes(void **state)
{
	(void)state;
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	w.slot.npages = 1;
	w.masks.mmio_caching = false;
	put(SP + 16, 99);
	put(SP + 0x800, 0);
	assert_int_equal(replayed("slot")->ret, KM_RET_PF_EMULATE);
	w.masks.mmio_caching = true;
	assert_int_equal(replayed("obsolete-root")->ret, KM_RET_PF_RETRY);
}

/* A prefault of what is mapped is spurious, whatever the SPTE permits (7.2, 7.3). */
static void test_prefault_of_a_leaf(void **state)
{
	(void)state;
	w.s.live = &w.live;
	w.live.prefetch = val(1);
	w.s.error_code = PFERR_USER_MASK;
	walk_to(LEAF & ~KM_BIT(5));
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
	w.live.prefetch = val(0);
	walk_to((LEAF & ~KM_BIT(5)) | KM_BIT(63));
	w.s.error_code = PFERR_USER_MASK | PFERR_FETCH_MASK;
	assert_int_equal(replayed("map")->ret, KM_RET_PF_FIXED);
	w.live.prefetch = val(1);
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
}

/* A slot whose HVA is not readable: no page of the VMM is looked up. */
static void test_torn_memslot(void **state)
{
	const uint64_t slot = VA + 0xa800;
	struct km_memslots slots;

	(void)state;
	put(KVM + 0x200, VA + 0x6100);
	put(VA + 0x6108, slot + 8);
	put(slot + 32, 0x100);
	put(slot + 40, 0x10);
	put(slot + 56, 5);
	put(slot + 0x800, 0x7f0000000000);
	assert_null(km_memslots_read(&w.kernel, KVM, 0, &slots));
	assert_null(slots.trouble);
	assert_int_equal(slots.count, 1);
	assert_int_equal(slots.slots[0].userspace_addr, 0x7f0000000000);
	km_memslots_deinit(&slots);
	t.missing[0xb] = true;
	km_memory_forget(w.kernel.mem);
	assert_null(km_memslots_read(&w.kernel, KVM, 0, &slots));
	assert_non_null(slots.trouble);
	assert_int_equal(slots.count, 0);
	km_memslots_deinit(&slots);
}

#define TABLE(n) (VA + 0x4000 + (n)*0x1000ULL)

/* A page-table page of @level with one entry at @index, and its kvm_mmu_page. */
static void put_table(int level, uint64_t table, uint64_t index, uint64_t entry, uint64_t gfn)
{
	uint64_t sp = VA + 0xa000 + (table - TABLE(0)) / 0x10;

	put(table + index * 8, entry);
	put(VMEM + (table >> 12 & 63) * 64 + 0x28, sp);
	put(sp, 1 << 7 | level); /* direct */
	put(sp + 8, gfn);
}

/* TDX: shared addresses have a direct bit, which sp->gfn does not; others are in the mirror. */
static void test_tdx_walks(void **state)
{
	const uint64_t shared = 1ULL << 47, gpa = 0x4000000;

	(void)state;
	w.kernel.vmemmap_base = VMEM - (VA >> 12) * 64;
	w.kernel.page_role = (struct km_page_role_layout){.level = {0, 4}, .direct = {7, 1}};
	w.masks.gfn_direct_bits = shared >> 12;
	w.masks.base_addr_mask = ~0xfffULL;
	w.mmu->root_role = (struct km_page_role){.level = 4, .direct = 1};
	w.mmu->root.hpa = val(TABLE(0));
	w.mmu->mirror_root_hpa = val(TABLE(2));
	put_table(4, TABLE(0), 256, TABLE(1) | 0x827, 0);
	put_table(3, TABLE(1), 0, 0, 0);
	put_table(4, TABLE(2), 0, TABLE(3) | 0x827, 0);
	put_table(3, TABLE(3), 0, 0x80000000000001a0, 0);
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, shared | gpa, &w.walk));
	assert_int_equal(w.walk.end, KM_END_NOT_PRESENT);
	assert_false(w.walk.mirror);
	assert_int_equal(w.walk.count, 2);
	assert_true(w.walk.levels[1].sp.role_known);
	assert_null(w.walk.levels[0].oddity);
	assert_null(w.walk.levels[1].oddity);
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, gpa, &w.walk));
	assert_true(w.walk.mirror);
	assert_int_equal(w.walk.levels[1].table_pa, TABLE(3));
	assert_int_equal(w.walk.levels[1].spte.kind, KM_SPTE_FROZEN);
	/* without direct bits there is no mirror, and the gfn is that of the address */
	w.masks.gfn_direct_bits = 0;
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, shared | gpa, &w.walk));
	assert_non_null(w.walk.levels[1].oddity);
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, gpa, &w.walk));
	assert_false(w.walk.mirror);
}

/* Types without efer_nx (nxe in 5.10): the guest's role is not known, and the table not judged. */
static void test_role_without_its_fields(void **state)
{
	struct km_perm_inputs in = {.cr0_wp = true, .efer_nx = true};
	uint16_t words[KM_PERM_WORDS];

	(void)state;
	w.kernel.features.perm_known = true;
	w.kernel.features.acc = KM_ACC_UWX;
	w.kernel.page_role = (struct km_page_role_layout){
		.level = {0, 4}, .efer_nx = {12, 1}, .cr0_wp = {13, 1}};
	w.kernel.ext_role = (struct km_ext_role_layout){
		.valid = {0, 1}, .cr0_pg = {1, 1}, .cr4_smap = {2, 1}, .cr4_smep = {3, 1}};
	put(VCPU + 0x100, 0x3004);
	put(VCPU + 0x108, 3);
	put(VCPU + 0x110, 3);
	km_update_permission_bitmask(&in, words);
	for (size_t i = 0; i < KM_PERM_WORDS; i++)
		put(VCPU + 0x180 + 8 * i, words[i]);
	km_vcpu_mmu_read(&w.kernel, &w.vcpu, &w.all);
	assert_int_equal(w.all.tables[0].status, KM_TABLE_MATCHES);
	assert_int_equal(w.all.walks[0].cpu_role.base.level, 3);
	w.kernel.page_role.efer_nx.width = 0;
	km_vcpu_mmu_read(&w.kernel, &w.vcpu, &w.all);
	assert_int_equal(w.all.tables[0].status, KM_TABLE_NO_VERDICT);
}

/* Before 5.17: an array with the highest gfn first. */
static void test_array_of_memslots(void **state)
{
	const uint64_t array = VA + 0x9100;
	struct km_memslots slots;

	(void)state;
	slots_in_array = true;
	put(KVM + 0x200, VA + 0x9000);
	put(VA + 0x9018, 2);
	for (uint64_t i = 0; i < 2; i++) {
		put(array + i * 0x900 + 32, i ? 0x100 : 0x4000);
		put(array + i * 0x900 + 40, 0x10);
		put(array + i * 0x900 + 56, i);
		put(array + i * 0x900 + 0x800, 0x7f0000000000);
	}
	assert_null(km_memslots_read(&w.kernel, KVM, 0, &slots));
	assert_null(slots.trouble);
	assert_int_equal(slots.count, 2);
	assert_int_equal(slots.slots[0].base_gfn, 0x100);
	assert_int_equal(slots.slots[1].base_gfn, 0x4000);
	assert_int_equal(km_gfn_to_memslot(&slots, 0x400f)->id, 0);
	km_memslots_deinit(&slots);
	/* a count that no kernel has, and a slot that is missing */
	put(VA + 0x9018, 1 << 20);
	km_memory_forget(w.kernel.mem);
	assert_null(km_memslots_read(&w.kernel, KVM, 0, &slots));
	assert_non_null(slots.trouble);
	km_memslots_deinit(&slots);
	put(VA + 0x9018, 2);
	t.missing[0xa] = true;
	km_memory_forget(w.kernel.mem);
	assert_null(km_memslots_read(&w.kernel, KVM, 0, &slots));
	assert_non_null(slots.trouble);
	km_memslots_deinit(&slots);
}

/* A shadow MMU whose guest's paging mode is not readable: it is not known where the walk starts ...
 */
static void test_walk_without_role(void **state)
{
	struct km_pagewalk guest = {.name = "gva_walk", .cpu_role.base.level = 4};

	(void)state;
	w.mmu->paging = w.masks.paging = KM_PAGING_SHADOW;
	w.mmu->root_role.direct = 0;
	w.mmu->root.hpa = val(VA); /* physical and virtual addresses are the same here */
	w.mmu->pae_root = val(VA + 0x6000);
	w.mmu->w = &guest;
	w.masks.base_addr_mask = ~0xfffULL;
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, 0x1000, &w.walk));
	assert_int_equal(w.walk.end, KM_END_UNREADABLE);
	assert_int_equal(w.walk.count, 0);
	guest.role_known = true;
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, 0x1000, &w.walk));
	assert_int_equal(w.walk.end, KM_END_NOT_PRESENT);
	assert_int_equal(w.walk.levels[0].level, 4);
	guest.cpu_role.base.level = 2;
	assert_null(km_walk(&w.kernel, &w.masks, w.mmu, 0x1000, &w.walk));
	assert_true(w.walk.levels[0].special);
}

/* ... or whether SMEP forbids a supervisor fetch. */
static void test_smep_of_an_unknown_role(void **state)
{
	struct km_pagewalk guest = {.name = "gva_walk"};
	struct km_panel panel;

	(void)state;
	w.mmu->paging = w.masks.paging = KM_PAGING_SHADOW;
	w.mmu->root_role.direct = 0;
	w.mmu->w = &guest;
	walk_to(LEAF | KM_BIT(1));
	km_panel_judge(&w.kernel, &w.masks, &w.all, w.mmu, &w.walk, PFERR_FETCH_MASK, KM_SPF_MERGED,
		       &panel);
	assert_int_equal(panel.verdicts[KM_JUDGE_PROCESSOR].ruling, KM_NO_RULING);
	guest.role_known = true;
	km_panel_judge(&w.kernel, &w.masks, &w.all, w.mmu, &w.walk, PFERR_FETCH_MASK, KM_SPF_MERGED,
		       &panel);
	assert_int_equal(panel.verdicts[KM_JUDGE_PROCESSOR].ruling, KM_ALLOWS);
}

/* A guest's page table in a slot that is being removed is not readable: kvm_vcpu_gfn_to_hva_prot().
 */
static void test_guest_table_in_an_invalid_slot(void **state)
{
	struct km_pagewalk guest = {
		.name = "gva_walk", .role_known = true, .cpu_role.base.level = 4};
	struct km_guest_walk walk;

	(void)state;
	w.mmu->w = &guest;
	w.mmu->root.pgd = val(0x7000);
	assert_null(km_guest_walk(&w.kernel, &w.vm, &w.vcpu, &w.all, w.mmu, &w.slots, 0x1000, 0,
				  &walk));
	assert_int_equal(walk.end, KM_GUEST_OPEN); /* kvm.mm is not readable */
	w.slot.flags = KVM_MEMSLOT_INVALID;
	assert_null(km_guest_walk(&w.kernel, &w.vm, &w.vcpu, &w.all, w.mmu, &w.slots, 0x1000, 0,
				  &walk));
	assert_int_equal(walk.end, KM_GUEST_FAULTS);
}

/* A dummy root at the end of the path: FNAME(fetch) requests another one and retries. */
static void test_dummy_root_of_a_shadow_mmu(void **state)
{
	(void)state;
	w.mmu->root_role.direct = 0;
	w.s.live = &w.live;
	w.live.slot = val(w.slot.addr);
	w.live.gfn = val(0x4321);
	w.live.prefetch = val(0);
	w.s.error_code = PFERR_USER_MASK;
	w.walk = (struct km_walk){.addr = 0x4321000, .end = KM_END_DUMMY_ROOT};
	assert_int_equal(replayed("fetch-dummy-root")->ret, KM_RET_PF_RETRY);
}

#define MM   (VA + 0x6200)
#define NODE (VA + 0x6300)
#define AREA (VA + 0xc800) /* its vm_start is on the next page */

static struct km_vma vma_at(uint64_t addr)
{
	struct km_vma vma;

	km_memory_forget(w.kernel.mem);
	assert_null(km_vma_lookup(&w.kernel, MM, addr, &vma));
	return vma;
}

/* A mapping of 0x1000 to 0x2000: a leaf of the maple tree below the root. */
static void test_torn_vmas(void **state)
{
	const uint64_t leaf = NODE + 0x100;

	(void)state;
	/* a process that runs has VMAs: an empty tree is damaged */
	assert_false(vma_at(0x1000).known);
	assert_true(*vma_at(0x1000).trouble);
	put(MM + 8, NODE | 2 << 3 | 2);
	put(NODE, MM | 1);
	put(NODE + 8, 0x3000);		/* the first pivot */
	put(NODE + 128, leaf | 1 << 3); /* the first slot */
	put(leaf, NODE);
	put(leaf + 8, 0xfff);
	put(leaf + 16, 0x1fff);
	put(leaf + 128 + 8, AREA);
	put(AREA, 0x2000);
	put(AREA + 8, MM);
	put(AREA + 0x800, 0x1000);
	assert_int_equal(vma_at(0x1000).addr, AREA);
	assert_true(vma_at(0x800).known); /* a gap */
	assert_int_equal(vma_at(0x800).addr, 0);
	/* its start is not readable */
	t.missing[0xd] = true;
	assert_false(vma_at(0x1000).known);
	/* no table where one should be */
	put(NODE + 128, 0);
	assert_false(vma_at(0x1000).known);
	assert_true(*vma_at(0x1000).trouble);
}

/* The write faults in a mapping of @flags that contains all, whose host PTE is @pte. */
static void in_mapping(uint64_t flags, uint64_t pte)
{
	w.vm.mm = val(MM);
	put(KVM + 0x300, MM);
	put(MM + 8, NODE | 1 << 3 | 2);
	put(NODE, MM | 1);
	put(NODE + 8, ~0ULL);
	put(NODE + 128, AREA);
	put(MM + 0x10, VA + 0x4000);
	put(AREA, ~0ULL);
	put(AREA + 8, MM);
	put(AREA + 0x10, flags);
	put(AREA + 0x18, 1);
	put(AREA + 0x800, 0);
	w.kernel.page_offset_base = VA;
	w.kernel.masks.base_addr_mask = ~0xfffULL;
	w.slot.userspace_addr = 0x1000000000;
	put(VA + 0x4000, (VA + 0x4000) | 7);
	/* gfn 0x4321 is in entry 64 of level 3, 33 of level 2, 0x121 of level 1: one table */
	put(VA + 0x4000 + 64 * 8, (VA + 0x4000) | 7);
	put(VA + 0x4000 + 33 * 8, (VA + 0x4000) | 7);
	put(VA + 0x4000 + 0x121 * 8, pte);
	w.s.error_code = PFERR_USER_MASK | PFERR_WRITE_MASK;
	walk_to(KM_BIT(63));
}

/* KVM does not copy a page of a device on write, it emulates: hva_to_pfn_remapped(). */
static void test_mappings_of_devices(void **state)
{
	static const uint64_t device[] = {VM_IO, VM_PFNMAP};

	(void)state;
	in_mapping(VM_READ | VM_WRITE, 0x5005);
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_PASSES);
	assert_non_null(strstr(replayed("host-page")->text, "copied on write"));
	for (size_t i = 0; i < ARRAY_SIZE(device); i++) {
		in_mapping(VM_READ | VM_WRITE | device[i], 0x5005);
		assert_int_equal(replayed("host-read-only")->ret, KM_RET_PF_EMULATE);
		/* the driver's fault handler decides */
		in_mapping(VM_READ | VM_WRITE | device[i], 0);
		assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN);
		in_mapping(VM_READ | VM_WRITE | device[i], 0x5007);
		assert_int_equal(replayed("host-page")->outcome, KM_STEP_PASSES);
	}
}

/* A page that is not mapped yet is got only through a VMA that may be read: check_vma_flags(). */
static void test_mappings_that_cannot_be_read(void **state)
{
	static const uint64_t flags[] = {0, VM_EXEC, VM_WRITE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		in_mapping(flags[i], 0);
		w.s.error_code = PFERR_USER_MASK;
		assert_int_equal(replayed("host-forbids")->ret, KM_RET_PF_EXIT);
		assert_non_null(strstr(replayed("host-forbids")->text, "without VM_READ"));
	}
	in_mapping(VM_READ, 0);
	w.s.error_code = PFERR_USER_MASK;
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN); /* a file's */
	in_mapping(VM_READ | VM_EXEC, 0);
	assert_non_null(strstr(replayed("host-forbids")->text, "without VM_WRITE"));
	in_mapping(VM_WRITE, 0);
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN);
}

/* PTE markers stand for no page: handle_pte_marker() of mm/memory.c. */
static void test_markers_in_the_host(void **state)
{
	const uint64_t type = 31ULL << 59, other = 30ULL << 59;
#define OFFSET(n) (~(uint64_t)(n) << 14 >> 5)

	(void)state;
	in_mapping(VM_READ | VM_WRITE, type | OFFSET(PTE_MARKER_POISONED));
	assert_int_equal(replayed("host-poisoned")->ret, KM_RET_PF_RETRY);
	assert_false(w.path.loops || w.path.loops_known);
	assert_non_null(strstr(w.path.loops_text, "SIGBUS"));
	in_mapping(VM_READ | VM_WRITE, type | OFFSET(PTE_MARKER_GUARD));
	assert_int_equal(replayed("host-guard")->ret, KM_RET_PF_EXIT);
	/* of write protection; of another type; a pfn (6.1) */
	in_mapping(VM_READ | VM_WRITE, type | OFFSET(1));
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN);
	in_mapping(VM_READ | VM_WRITE, other | OFFSET(PTE_MARKER_POISONED));
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN);
	in_mapping(VM_READ | VM_WRITE, type | OFFSET(0x1002));
	assert_int_equal(replayed("host-page")->outcome, KM_STEP_OPEN);
	assert_int_equal(km_host_pte_marker(type | OFFSET(7)), 7);
	assert_int_equal(km_host_pte_marker(type | OFFSET(8)), 0);
	assert_int_equal(km_host_pte_marker(type | OFFSET(2) | 1), 0);
	assert_int_equal(km_host_pte_marker(0), 0);
#undef OFFSET
}

/* Write-tracked by a shadow page of SMM: seen since 6.12, from either address space. */
static void test_write_tracking_of_both_address_spaces(void **state)
{
	const uint64_t smm = VA + 0xa800, count = VA + 0x7000 + 0x21 * 2;

	(void)state;
	w.s.error_code = PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_USER_MASK;
	w.slot.base_gfn = 0x4300;
	w.slot.npages = 0x100;
	put(w.slot.addr, VA + 0x6400);
	put(KVM + 0x208, VA + 0x6100);
	put(VA + 0x6108, smm + 8);
	put(smm, VA + 0x7000);
	put(smm + 32, 0x4300);
	put(smm + 40, 0x100);
	put(smm + 56, 4);
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_PASSES);
	put(count, 1);
	assert_int_equal(replayed("write-tracked")->ret, KM_RET_PF_WRITE_PROTECTED);
	/* of another gfn */
	put(count, 1 << 16);
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_PASSES);
	put(count, 1);
	/* with private memory there is one address space; others may be unreadable */
	w.vm.has_private_mem = val(1);
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_PASSES);
	w.vm.has_private_mem = val(0);
	t.missing[7] = true;
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_OPEN);
	/* no write tracking at all, or a kernel that checks one address space */
	put(w.slot.addr, 0);
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_PASSES);
	put(w.slot.addr, VA + 0x6400);
	w.kernel.features.write_protected = false;
	assert_int_equal(replayed("write-tracked")->outcome, KM_STEP_PASSES);
}

/* The shadow MMU maps a present leaf again: the A and D bits that make_spte() sets or leaves out.
 */
static void test_a_and_d_of_an_unchanged_leaf(void **state)
{
	const uint64_t full = LEAF | KM_BIT(1), a = KM_BIT(5), d = KM_BIT(6);

	(void)state;
	w.s.live = &w.live;
	w.live.prefetch = val(0);
	in_mapping(VM_READ | VM_WRITE, 0x5007);
	/* since 6.13, D goes with W */
	w.masks.accessed_always = true;
	put(SP + 0x800, 0);
	put(SP + 16, 1);
	walk_to(full);
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
	walk_to(full & ~d);
	assert_non_null(strstr(replayed("map")->text, "does not have D"));
	assert_int_equal(replayed("map")->ret, KM_RET_PF_FIXED);
	walk_to(full & ~a);
	assert_non_null(strstr(replayed("map")->text, "does not have A"));
	/* a prefetch leaves a leaf alone */
	w.live.prefetch = val(1);
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
	/* before, make_spte() does not set D if the SPTE was writable, ... */
	w.live.prefetch = val(0);
	w.masks.accessed_always = false;
	walk_to(full & ~d);
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
	walk_to(full);
	assert_non_null(strstr(replayed("map")->text, "has D: make_spte() does not set it again"));
	/* ... nor A for a prefetch */
	w.live.prefetch = val(1);
	walk_to(full & ~(a | d));
	assert_int_equal(replayed("map")->ret, KM_RET_PF_SPURIOUS);
	walk_to(full & ~d);
	assert_non_null(strstr(replayed("map")->text, "has A: make_spte() does not set it again"));
}

/* A prefetch for a ready async page fault is not repeated, unlike KVM_PRE_FAULT_MEMORY. */
static void test_async_page_ready(void **state)
{
	(void)state;
	w.slot.npages = 1;
	put(SP + 0x800, 0);
	put(SP + 16, 99);
	w.s.live = &w.live;
	w.live.prefetch = val(1);
	w.s.error_code = PFERR_USER_MASK;
	walk_to(KM_BIT(63));
	assert_int_equal(replayed("obsolete-root")->ret, KM_RET_PF_RETRY);
	assert_true(w.path.loops && w.path.loops_known);
	w.live.async_ready = true;
	assert_int_equal(replayed("obsolete-root")->ret, KM_RET_PF_RETRY);
	assert_false(w.path.loops || w.path.loops_known);
}

/* vmcb02 after VMRUN of L1: KVM has not entered L2 yet, and the exit is that of an earlier run. */
static void test_exit_of_an_earlier_nested_run(void **state)
{
	const uint64_t svm = VCPU - 0x800, vmcb01 = VA + 0x6800, vmcb02 = VA + 0x6900;
	struct km_last_fault last;

	(void)state;
	w.kernel.vendor = KM_VENDOR_AMD;
	w.vcpu.task = w.vcpu.tid = unreadable;
	put(svm, vmcb02);
	put(svm + 8, vmcb01);
	put(svm + 16, vmcb02);
	put(vmcb02, 0x400);
	put(vmcb02 + 8, PFERR_GUEST_FINAL_MASK | PFERR_WRITE_MASK);
	put(vmcb02 + 16, 0x5000);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_int_equal(last.count, 1);
	assert_int_equal(last.faults[0].addr.v, 0x5000);
	put(svm + 24, 1);
	km_memory_forget(w.kernel.mem);
	km_last_fault_deinit(&last);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_int_equal(last.count, 0);
	assert_false(km_is_known(last.exit_code));
	assert_non_null(strstr(last.none, "earlier run"));
	/* loaded by KVM_SET_NESTED_STATE: no VMRUN is pending, and code 0 is not a read of CR0 */
	put(svm + 24, 0);
	put(vmcb02, 0);
	put(vmcb02 + 8, 0);
	km_memory_forget(w.kernel.mem);
	km_last_fault_deinit(&last);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_false(km_is_known(last.exit_code));
	assert_non_null(strstr(last.none, "or none"));
	put(VCPU + 0x50, 1); /* stat.nested_run */
	km_memory_forget(w.kernel.mem);
	km_last_fault_deinit(&last);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_true(km_is_known(last.exit_code));
	assert_int_equal(last.exit_code.v, 0);
	put(VCPU + 0x50, 0);
	put(vmcb02 + 8, 1);
	km_memory_forget(w.kernel.mem);
	km_last_fault_deinit(&last);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_true(km_is_known(last.exit_code));
	/* vmcb01 contains the last exit of L1 */
	put(svm, vmcb01);
	put(vmcb01, 0x80);
	km_memory_forget(w.kernel.mem);
	km_last_fault_deinit(&last);
	assert_null(km_last_fault_find(&w.kernel, &w.vm, &w.vcpu, &w.all, &last));
	assert_int_equal(last.exit_code.v, 0x80);
	km_last_fault_deinit(&last);
}

/* SEV-ES: KVM does not see the registers, and arch.regs[] stays as it was before the launch. */
static void test_rip_of_a_protected_guest(void **state)
{
	struct km_vcpu vcpu;

	(void)state;
	put(VCPU + 0x40, 0xfff0);
	km_vcpu_read(&w.kernel, VCPU, 0, &vcpu);
	assert_int_equal(vcpu.rip.v, 0xfff0);
	put(VCPU + 0x48, 1);
	km_memory_forget(w.kernel.mem);
	km_vcpu_read(&w.kernel, VCPU, 0, &vcpu);
	assert_false(km_is_known(vcpu.rip));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fixed),
		TEST(test_rmp_fault),
		TEST(test_mmio_of_a_software_protected_vm),
		TEST(test_unreadable_has_private_mem),
		TEST(test_torn_root),
		TEST(test_invalidation_without_a_range),
		TEST(test_mmu_seq_of_a_kernel_between),
		TEST(test_gmet_grants_no_user),
		TEST(test_mmio_without_sptes),
		TEST(test_prefault_of_a_leaf),
		TEST(test_torn_memslot),
		TEST(test_array_of_memslots),
		TEST(test_role_without_its_fields),
		TEST(test_tdx_walks),
		TEST(test_torn_vmas),
		TEST(test_mappings_of_devices),
		TEST(test_mappings_that_cannot_be_read),
		TEST(test_markers_in_the_host),
		TEST(test_write_tracking_of_both_address_spaces),
		TEST(test_a_and_d_of_an_unchanged_leaf),
		TEST(test_async_page_ready),
		TEST(test_exit_of_an_earlier_nested_run),
		TEST(test_rip_of_a_protected_guest),
		TEST(test_dummy_root_of_a_shadow_mmu),
		TEST(test_guest_table_in_an_invalid_slot),
		TEST(test_walk_without_role),
		TEST(test_smep_of_an_unknown_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
