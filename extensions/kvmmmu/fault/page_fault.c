// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/gfn_state.h"
#include "fault/page_fault.h"
#include "fault/page_fault_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void run_test(struct km_replay *r)
{
	const struct km_page_fault_state *s = r->s;
	const struct km_perm_table *table = km_spte_table(s->all, s->mmu);

	if (table && (table->status == KM_TABLE_MATCHES || table->status == KM_TABLE_DIFFERS)) {
		memcpy(r->words, table->words, sizeof(r->words));
		r->has_words = true;
	}
	r->test_known = r->last && s->walk->end != KM_END_UNREADABLE && (r->has_words || !table);
	if (!r->test_known || r->last->spte.kind != KM_SPTE_PRESENT)
		return;
	if (r->has_words)
		r->denied = km_spte_permission_fault(s->masks, r->words, r->last->spte.value,
						     r->error_code, KM_SPF_MERGED)
				    .denied;
	else
		r->denied = !km_is_access_allowed(s->masks, r->last->spte.value, r->error_code);
}

static struct km_fast_page_fault_in fast_input(const struct km_replay *r)
{
	const struct km_page_fault_state *s = r->s;

	return (struct km_fast_page_fault_in){
		.masks = s->masks,
		.words = r->has_words ? r->words : NULL,
		.form = KM_SPF_MERGED,
		.error_code = r->error_code,
		.spte = r->last ? r->last->spte.value : 0,
		.level = r->last ? r->last->level : PG_LEVEL_4K,
		.dirty_logged = r->slot && (r->slot->flags & KVM_MEM_LOG_DIRTY_PAGES),
	};
}

/* --- kvm_mmu_page_fault() --- */

static bool root_is_there(struct km_replay *r)
{
	struct km_val hpa = r->s->mmu->root.hpa;

	if (!km_is_known(hpa))
		return km_step_open(r, "kvm_mmu_page_fault", "root", "root.hpa is not readable");
	if (!km_valid_page(hpa.v))
		return km_step_end(
			r, "kvm_mmu_page_fault", "root", KM_RET_PF_RETRY,
			"root.hpa is INVALID_PAGE: KVM loads a root before it enters the "
			"guest");
	if (km_is_dummy_root(r->s->kernel, hpa.v))
		return km_step_pass(r, "kvm_mmu_page_fault", "root",
				    "root.hpa 0x%" PRIx64
				    " is the dummy root: no memslot contains the "
				    "guest's CR3",
				    hpa.v);
	return km_step_pass(r, "kvm_mmu_page_fault", "root", "root.hpa 0x%" PRIx64 ", level %d",
			    hpa.v, r->s->mmu->root_role.level);
}

/* For a software-protected VM, a fault is private if the gfn is, except for MMIO. */
static void apply_attribute(struct km_replay *r)
{
	struct km_val type = r->s->vm->vm_type;
	struct km_val attribute;

	if (!km_is_known(type) || type.v != KM_VM_SW_PROTECTED || (r->error_code & PFERR_RSVD_MASK))
		return;
	attribute = km_mem_is_private(r);
	if (km_is_known(attribute) && attribute.v)
		r->error_code |= PFERR_PRIVATE_ACCESS;
}

/* mmio_info_in_cache(). *@open: the cache contains a guest virtual address, which is not known. */
static bool mmio_in_cache(const struct km_replay *r, struct km_val *what, bool *open)
{
	const struct km_page_fault_state *s = r->s;
	struct km_val gen = km_kget(s->kernel, s->vcpu->addr, KM_M_kvm_vcpu_mmio_gen);
	bool direct = s->mmu->root_role.direct;
	uint64_t asked = direct ? s->addr >> KM_PAGE_SHIFT : s->addr & ~0xfffULL;

	*open = false;
	if (!strcmp(s->mmu->name, "guest_mmu") || !s->slots_known ||
	    !km_is_known(s->slots->generation) || !km_is_known(gen) ||
	    gen.v != s->slots->generation.v)
		return false;
	*what = km_kget(s->kernel, s->vcpu->addr,
			direct ? KM_M_kvm_vcpu_mmio_gfn : KM_M_kvm_vcpu_mmio_gva);
	*open = !km_is_known(*what);
	return km_is_known(*what) && what->v && what->v == asked;
}

/* get_mmio_spte(): the first entry with reserved bits that is not an MMIO SPTE, or NULL. */
static const struct km_walk_level *reserved_level(const struct km_replay *r)
{
	const struct km_walk *walk = r->s->walk;

	for (size_t i = 0; r->s->mmu->rsvd_known && i < walk->count; i++) {
		const struct km_walk_level *l = &walk->levels[i];
		bool bad;

		if (l->special || l->spte.kind != KM_SPTE_PRESENT)
			continue;
		if (km_rsvd_spte(r->s->masks, &r->s->mmu->rsvd, l->spte.value, l->level, &bad) ||
		    bad)
			return l;
	}
	return NULL;
}

/* check_mmio_spte(). *@current: the generation in the SPTE is that of the memslots. */
static bool check_generation(struct km_replay *r, bool *current)
{
	const char *const f = "handle_mmio_page_fault";
	struct km_val gen = {.known = KM_UNREADABLE};
	uint64_t mask = km_mmio_spte_gen_mask(r->s->masks);
	uint64_t own = r->last->spte.mmio_generation;

	if (r->s->slots_known)
		gen = r->s->slots->generation;
	*current = false;
	if (!km_is_known(gen))
		return km_step_open(r, f, "mmio-generation",
				    "MMIO SPTE of generation 0x%" PRIx64
				    "; the generation of the memslots is not readable",
				    own);
	if (gen.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS)
		return km_step_pass(r, f, "mmio-generation",
				    "the memslots are being changed (generation 0x%" PRIx64
				    "): not handled as MMIO now",
				    gen.v);
	*current = (gen.v & mask) == own;
	if (*current)
		return true;
	return km_step_pass(r, f, "mmio-generation",
			    "MMIO SPTE of generation 0x%" PRIx64 ", the memslots have 0x%" PRIx64
			    ": stale, the slow path creates a new one",
			    own, gen.v & mask);
}

/* handle_mmio_page_fault(); true: continue with the common handler. */
static bool handle_mmio(struct km_replay *r)
{
	const char *const f = "handle_mmio_page_fault";
	const struct km_walk_level *bad;
	struct km_val cached;
	bool current, open;

	if (!(r->error_code & PFERR_RSVD_MASK))
		return true;
	if (r->error_code & PFERR_PRIVATE_ACCESS)
		return km_step_end(r, "kvm_mmu_page_fault", "mmio", KM_RET_PF_EXIT,
				   "reserved bits on a private access: -EFAULT");
	if (mmio_in_cache(r, &cached, &open))
		return km_step_end(r, f, "mmio", KM_RET_PF_EMULATE,
				   "the MMIO cache of the vCPU contains %s 0x%" PRIx64
				   ", with the current generation",
				   r->s->mmu->root_role.direct ? "gfn" : "GVA", cached.v);
	/* the result is the same with an MMIO SPTE of the current generation */
	if (open && (!r->last || r->last->spte.kind != KM_SPTE_MMIO))
		km_step_open(r, f, "mmio-cache",
			     "the GVA in the MMIO cache of the vCPU is not known");
	bad = reserved_level(r);
	if (bad)
		return km_step_end(r, f, "mmio", KM_RET_PF_EXIT,
				   "reserved bits in the SPTE 0x%" PRIx64 " at level %d: -EINVAL",
				   bad->spte.value, bad->level);
	if (r->s->walk->end == KM_END_UNREADABLE)
		return km_step_open(r, f, "mmio", "the SPTE is not readable");
	if (!r->last || r->last->spte.kind != KM_SPTE_MMIO)
		return km_step_end(r, f, "mmio", KM_RET_PF_RETRY,
				   "the SPTE is not, or no longer, an MMIO SPTE: it was zapped");
	check_generation(r, &current);
	if (!current && open)
		km_step_open(r, f, "mmio-cache",
			     "the GVA in the MMIO cache of the vCPU is not known");
	if (!current)
		return true;
	return km_step_end(r, f, "mmio", KM_RET_PF_EMULATE,
			   "MMIO SPTE, gfn 0x%" PRIx64 ", generation 0x%" PRIx64
			   " is that of the memslots",
			   r->last->spte.mmio_gfn, r->last->spte.mmio_generation);
}

/* --- gfn and memslot of the fault --- */

static void find_slot(struct km_replay *r)
{
	const struct km_page_fault_state *s = r->s;

	r->slot = NULL;
	r->slot_known = false;
	if (!r->gfn_known || !s->slots_known)
		return;
	r->slot = km_gfn_to_memslot(s->slots, r->gfn);
	r->slot_known = r->slot || !s->slots->trouble;
}

static const char *slot_text(const struct km_replay *r, char *buf, size_t size)
{
	if (r->slot)
		snprintf(buf, size, "memslot %" PRId64, r->slot->id);
	else
		snprintf(buf, size, r->slot_known ? "no memslot" : "memslot unknown");
	return buf;
}

/* The gfn that a leaf of an indirect MMU maps: kvm_mmu_page_get_gfn(). */
static struct km_val leaf_gfn(const struct km_replay *r)
{
	const struct km_kernel *k = r->s->kernel;
	const struct km_walk_level *l = r->last;
	struct km_val array;
	km_scoped_error *err = NULL;
	uint64_t value;

	if (!l || r->s->walk->end != KM_END_LEAF || !l->sp.role_known || !km_is_known(l->sp.gfn))
		return (struct km_val){.known = KM_ABSENT};
	if (l->sp.role.direct)
		return km_known_val(km_entry_gfn(l->sp.gfn.v, l->index, l->level));
	array = km_kget(k, l->sp.addr, KM_M_kvm_mmu_page_shadowed_translation);
	if (!km_is_known(array) || !array.v)
		return (struct km_val){.known = KM_ABSENT};
	err = km_read_virt_as(k->mem, array.v + l->index * 8, &value, 8,
			      "kvm_mmu_page.shadowed_translation[]");
	if (err)
		return (struct km_val){.known = KM_UNREADABLE};
	return km_known_val(value >> KM_PAGE_SHIFT);
}

/* Direct MMUs: the gfn is in the address, see kvm_mmu_do_page_fault() (6.1: direct_page_fault()).
 */
static void direct_gfn(struct km_replay *r)
{
	uint64_t bits = km_is_known(r->s->vm->gfn_direct_bits) ? r->s->vm->gfn_direct_bits.v : 0;

	r->gfn = (r->s->addr >> KM_PAGE_SHIFT) & ~bits;
	r->gfn_known = true;
	find_slot(r);
}

/* FNAME(walk_addr); true: the path continues, even if the gfn is not known. */
static bool walk_guest(struct km_replay *r)
{
	const struct km_page_fault_state *s = r->s;
	const char *const f = "FNAME(walk_addr)";
	struct km_val gfn;
	bool walked;

	if (!s->slots_known)
		return km_step_open(r, f, "guest-walk", "the memslots are not readable");
	r->err = km_guest_walk(s->kernel, s->vm, s->vcpu, s->all, s->mmu, s->slots, s->addr,
			       r->error_code & ~PFERR_RSVD_MASK, &r->guest);
	if (r->err)
		return false;
	if (r->guest.end == KM_GUEST_FAULTS)
		return km_step_end(r, f, "guest-walk", KM_RET_PF_RETRY,
				   "%s: the fault is injected into %s", r->guest.why,
				   km_mmu_address_meaning(s->mmu) == KM_ADDR_L2_GPA
					   ? "the hypervisor in the guest, which manages the tables"
					   : "the guest");
	if (r->guest.end == KM_GUEST_MAPPED) {
		r->gfn = r->guest.gfn;
		r->gfn_known = true;
		find_slot(r);
		return km_step_pass(r, f, "guest-walk", "%s", r->guest.why);
	}
	/* once the handler has walked the guest's tables, it knows gfn and slot */
	walked = s->live && km_is_known(s->live->slot) && s->live->slot.v;
	gfn = walked ? s->live->gfn : leaf_gfn(r);
	if (!km_is_known(gfn) && s->gfn_known)
		gfn = km_known_val(s->gfn);
	r->gfn = gfn.v;
	r->gfn_known = km_is_known(gfn);
	find_slot(r);
	if (!r->gfn_known)
		return km_step_open(r, f, "guest-walk", "%s: the gfn of the address is not known",
				    r->guest.why);
	return km_step_open(r, f, "guest-walk",
			    "%s; gfn 0x%" PRIx64
			    " %s; it is not known whether the guest still permits the access",
			    r->guest.why, r->gfn,
			    walked ? "is from the handler" : "is from the SPTE");
}

/* --- fast_page_fault() --- */

static bool fast(struct km_replay *r)
{
	const char *const f = "fast_page_fault";
	const struct km_page_fault_state *s = r->s;
	struct km_fast_page_fault_in in = fast_input(r);
	struct km_fast_page_fault out;
	struct km_val attribute;

	if (s->vm->has_private_mem.known == KM_UNREADABLE)
		return km_step_open(r, f, "fast", "has_private_mem of the VM is not readable");
	if (km_is_known(s->vm->has_private_mem) && s->vm->has_private_mem.v) {
		attribute = km_mem_is_private(r);
		if (!km_is_known(attribute))
			return km_step_open(r, f, "fast",
					    "it is not known whether the gfn is private");
		in.private_mismatch = attribute.v != r->is_private;
	}
	out = km_fast_page_fault(&in);
	if (!out.tried)
		return km_step_pass(r, f, "fast", "%s", km_fast_step_text(out.step));
	if (s->walk->end == KM_END_UNREADABLE)
		return km_step_open(r, f, "fast", "the SPTE at level %d is not readable",
				    s->walk->end_level);
	if (!r->last)
		return km_step_pass(r, f, "fast", "the walk has no SPTE");
	if (!r->test_known && r->last->spte.kind == KM_SPTE_PRESENT)
		return km_step_open(r, f, "fast", "the permission table for SPTEs is not readable");
	if (out.ret == KM_RET_PF_FIXED && in.level > PG_LEVEL_4K && !r->slot_known)
		return km_step_open(r, f, "fast",
				    "it is not known whether the slot logs dirty pages");
	if (out.ret == KM_RET_PF_FIXED) {
		r->fixed_ruling = km_replay_processor(r, out.new_spte);
		r->fixed_ruling_known = true;
		return km_step_end(r, f, "fast", out.ret,
				   "SPTE 0x%" PRIx64 " at level %d becomes 0x%" PRIx64
				   ", which permits "
				   "the access",
				   in.spte, in.level, out.new_spte);
	}
	if (out.ret == KM_RET_PF_SPURIOUS)
		return km_step_end(r, f, "fast", out.ret,
				   "%s permits this access to SPTE 0x%" PRIx64
				   " at level %d: treated as "
				   "spurious, nothing is changed",
				   r->has_words ? "spte_permission_fault()" : "is_access_allowed()",
				   in.spte, in.level);
	return km_step_pass(r, f, "fast", "SPTE 0x%" PRIx64 " at level %d: %s", in.spte, in.level,
			    km_fast_step_text(out.step));
}

/* --- the handlers --- */

static void find_root(struct km_replay *r)
{
	const struct km_kernel *k = r->s->kernel;
	struct km_val hpa = r->s->mmu->root.hpa;
	struct km_val enabled;

	if (km_is_known(hpa) && km_valid_page(hpa.v) && !km_is_dummy_root(k, hpa.v))
		km_mmu_page_read(k, hpa.v & r->s->masks->base_addr_mask, &r->root);
	if (r->root.known && (!r->root.addr || km_is_known(r->root.tdp_mmu_page))) {
		r->tdp_mmu = r->root.addr && r->root.tdp_mmu_page.v;
		return;
	}
	enabled = km_vm_has_tdp_mmu(k, r->s->vm);
	r->tdp_mmu =
		k->features.tdp && km_is_known(enabled) && enabled.v && r->s->mmu->root_role.direct;
}

static bool direct_path(struct km_replay *r)
{
	char buf[40];

	km_step_pass(r, "kvm_mmu_do_page_fault", "handler", "direct MMU, %s: gfn 0x%" PRIx64 ", %s",
		     r->tdp_mmu ? "TDP MMU" : "shadow MMU", r->gfn, slot_text(r, buf, sizeof(buf)));
	if (!r->tdp_mmu && km_is_known(r->s->mmu->root.hpa) &&
	    km_is_dummy_root(r->s->kernel, r->s->mmu->root.hpa.v))
		return km_step_end(r, "direct_page_fault", "dummy-root", KM_RET_PF_RETRY,
				   "the root is the dummy root");
	return km_replay_page_track(r) && fast(r);
}

static bool indirect_path(struct km_replay *r)
{
	char buf[40];

	km_step_pass(r, "kvm_mmu_do_page_fault", "handler",
		     "indirect MMU: FNAME(page_fault), without fast path and permission table");
	if (!walk_guest(r))
		return false;
	if (r->gfn_known)
		km_step_pass(r, "FNAME(page_fault)", "slot", "gfn 0x%" PRIx64 ", %s", r->gfn,
			     slot_text(r, buf, sizeof(buf)));
	return km_replay_page_track(r);
}

static void slow_path(struct km_replay *r)
{
	if (!km_step_pass(r, "mmu_topup_memory_caches", "topup",
			  "this fails only if the host is out of memory"))
		return;
	if (km_replay_faultin_pfn(r) && km_replay_stale(r))
		km_replay_map(r);
}

static void replay(struct km_replay *r)
{
	bool direct = r->s->mmu->root_role.direct;

	if (direct)
		direct_gfn(r);
	apply_attribute(r);
	r->is_private = r->error_code & PFERR_PRIVATE_ACCESS;
	if (!root_is_there(r) || !handle_mmio(r))
		return;
	if (direct ? direct_path(r) : indirect_path(r))
		slow_path(r);
}

/* --- does the guest fault again? --- */

static void set_loop(struct km_replay *r, bool loops, bool known, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void set_loop(struct km_replay *r, bool loops, bool known, const char *fmt, ...)
{
	va_list ap;

	r->path->loops = loops;
	r->path->loops_known = known;
	va_start(ap, fmt);
	vsnprintf(r->path->loops_text, sizeof(r->path->loops_text), fmt, ap);
	va_end(ap);
}

/* Did the RMP deny the access? Then the SPTEs do not decide whether the next one succeeds. */
static bool rmp_denied(const struct km_replay *r)
{
	return r->s->mmu->paging == KM_PAGING_NPT && r->s->error_code & PFERR_RMP_CHECK;
}

static void loops_by_rmp(struct km_replay *r)
{
	set_loop(r, false, false,
		 "the RMP (SEV-SNP) denied the access, which the handler does not change: the "
		 "guest faults again, unless sev_handle_rmp_fault() splits a 2M RMP entry");
}

/* Nothing is changed: the processor decides. */
static void unchanged(struct km_replay *r)
{
	if (r->processor == KM_DENIES)
		set_loop(r, true, true,
			 "nothing is changed, and the processor denies the access: the guest is "
			 "re-entered and faults again, as long as this state persists");
	else if (r->processor == KM_ALLOWS)
		set_loop(r, false, true,
			 "the processor permits the access with the current SPTEs: the guest "
			 "continues (unless its TLB is stale)");
	else if (rmp_denied(r))
		loops_by_rmp(r);
	else
		set_loop(r, false, false,
			 "it is not known whether the processor permits the access with these "
			 "SPTEs");
}

static void after_retry(struct km_replay *r, const char *id)
{
	struct km_val requests = r->s->vcpu->requests;

	if (!strcmp(id, "obsolete-root") || !strcmp(id, "obsolete-root-request")) {
		if (r->prefetch)
			set_loop(r, true, true,
				 "a prefault retries without handling requests: the root stays "
				 "obsolete");
		else if (!km_is_known(requests))
			set_loop(r, false, false, "vcpu.requests is not readable");
		else if (requests.v & km_request_to_free_roots(&r->s->kernel->features).bits)
			set_loop(r, false, true,
				 "KVM_REQ_MMU_FREE_OBSOLETE_ROOTS is pending: the root is replaced "
				 "before the guest is entered (a prefault would retry forever)");
		else
			set_loop(r, true, true,
				 "no request to replace the obsolete root is pending: the guest is "
				 "re-entered with it and faults again");
		return;
	}
	if (!strcmp(id, "mmu-seq"))
		set_loop(r, false, true, "the next fault reads mmu_invalidate_seq again");
	else if (!strcmp(id, "root") || !strcmp(id, "fetch-dummy-root"))
		set_loop(r, false, true, "KVM loads a root before it enters the guest");
	else if (!strcmp(id, "guest-walk"))
		set_loop(r, false, true, "the fault is injected into the guest, which handles it");
	else if (!strcmp(id, "host-poisoned"))
		set_loop(r, false, false,
			 "SIGBUS ends KVM_RUN, unless the thread blocks or ignores it: then the "
			 "guest faults again");
	else if (!strcmp(id, "async-pf"))
		set_loop(r, false, true, "the vCPU halts until the page is present");
	else if (!strcmp(id, "mmio"))
		set_loop(r, false, false,
			 "the next fault is a different one, without reserved bits, unless the "
			 "processor used other SPTEs");
	else
		unchanged(r);
}

/* Which step is open, and how the path would end if it passes. */
static void open_end(struct km_replay *r)
{
	const struct km_page_fault_path *path = r->path;
	const struct km_step *last = path->count ? &path->steps[path->count - 1] : NULL;

	if (r->processor == KM_ALLOWS)
		set_loop(r, false, true,
			 "not known%s%s, but the processor permits the access with the current "
			 "SPTEs: the guest continues (unless its TLB is stale)",
			 path->end ? ": it depends on " : "", path->end ? path->end->function : "");
	else if (last && path->end && last->outcome == KM_STEP_ENDS)
		set_loop(
			r, false, false,
			"not known: it depends on %s. If that succeeds, the result is %s at %s: %s",
			path->end->function, km_ret_pf_name(last->ret), last->function, last->text);
	else
		set_loop(r, false, false, "not known%s%s", path->end ? ": it depends on " : "",
			 path->end ? path->end->function : "");
}

static void find_loops(struct km_replay *r)
{
	struct km_page_fault_path *path = r->path;
	const char *id = path->end ? path->end->id : "";

	if (r->prefetch && r->s->live->async_ready && path->ret != KM_RET_PF_FIXED &&
	    path->ret != KM_RET_PF_UNKNOWN) {
		set_loop(r, false, false,
			 "kvm_arch_async_page_ready() does not repeat it: the guest faults when it "
			 "accesses the page");
		return;
	}
	switch (path->ret) {
	case KM_RET_PF_SPURIOUS:
		unchanged(r);
		break;
	case KM_RET_PF_RETRY:
		after_retry(r, id);
		break;
	case KM_RET_PF_FIXED:
		if (r->fixed_ruling_known && r->fixed_ruling == KM_DENIES)
			set_loop(r, false, false,
				 "the SPTE is changed, but the processor still denies the access");
		else if (rmp_denied(r))
			loops_by_rmp(r);
		else
			set_loop(r, false, true,
				 "the SPTE is changed: the next access finds a different state");
		break;
	case KM_RET_PF_EMULATE:
		set_loop(r, false, false,
			 "the instruction is emulated: the page tables do not show whether that "
			 "makes forward progress");
		break;
	case KM_RET_PF_WRITE_PROTECTED:
		set_loop(r, false, false,
			 "the shadow pages of the gfn are zapped and the guest retries, or the "
			 "instruction is emulated");
		break;
	case KM_RET_PF_EXIT:
		set_loop(r, false, true,
			 "KVM_RUN returns an error to the VMM: if the VMM runs the vCPU again "
			 "without changing anything, it fails again");
		break;
	case KM_RET_PF_CONTINUE:
	case KM_RET_PF_INVALID:
	case KM_RET_PF_UNKNOWN:
		open_end(r);
		break;
	}
}

/* --- the test of other kernels --- */

/*
 * What kernels without (or with) the 7.3 series do with this fault. Only direct MMUs use either
 * test.
 */
static void compare_other_test(struct km_replay *r)
{
	const struct km_page_fault_state *s = r->s;
	struct km_fast_page_fault_in in = fast_input(r);
	struct km_fast_page_fault own, other;
	uint16_t rebuilt[KM_PERM_WORDS];
	const char *name;
	bool denied;

	if (!s->mmu->root_role.direct || !r->test_known || s->walk->end != KM_END_LEAF)
		return;
	own = km_fast_page_fault(&in);
	if (r->has_words) {
		in.words = NULL;
		name = "is_access_allowed(), the test before 7.3,";
		denied = !km_is_access_allowed(s->masks, in.spte, r->error_code);
	} else {
		if (!km_spte_words_of_role(s->kernel, s->masks, s->mmu, rebuilt))
			return;
		in.words = rebuilt;
		name = "spte_permission_fault(), the test since 7.3,";
		denied = km_spte_permission_fault(s->masks, rebuilt, in.spte, r->error_code,
						  KM_SPF_MERGED)
				 .denied;
	}
	other = km_fast_page_fault(&in);
	if (denied == r->denied && other.ret == own.ret)
		return;
	snprintf(r->path->other_test, sizeof(r->path->other_test),
		 "%s %s this access%s: fast_page_fault() would return %s%s%s%s", name,
		 denied ? "denies" : "permits",
		 denied == r->denied ? ", as this kernel's test does" : "",
		 km_ret_pf_name(other.ret), other.ret == own.ret ? " too" : " instead of ",
		 other.ret == own.ret ? "" : km_ret_pf_name(own.ret),
		 other.tried ? "" : " (it is not tried on this fault)");
}

km_error *km_page_fault_replay(const struct km_page_fault_state *s, struct km_page_fault_path *path)
{
	const struct km_walk_level *last = km_walk_last(s->walk);
	struct km_replay r = {
		.s = s,
		.path = path,
		.error_code = s->error_code,
		.write = s->error_code & PFERR_WRITE_MASK,
		.fetch = s->error_code & PFERR_FETCH_MASK,
		.present = s->error_code & PFERR_PRESENT_MASK,
		.prefetch = s->live && km_is_known(s->live->prefetch) && s->live->prefetch.v,
		.last = last && !last->special ? last : NULL,
	};

	memset(path, 0, sizeof(*path));
	path->ret = KM_RET_PF_UNKNOWN;
	find_root(&r);
	run_test(&r);
	r.processor = r.last ? km_replay_processor(&r, r.last->spte.value) : KM_NO_RULING;
	replay(&r);
	if (r.err)
		return r.err;
	path->gfn_known = r.gfn_known;
	path->gfn = r.gfn;
	find_loops(&r);
	compare_other_test(&r);
	return NULL;
}
