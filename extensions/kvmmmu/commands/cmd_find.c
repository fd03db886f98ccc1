// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu find: how the VMs use an address: slot, GPA, the SPTEs that map it, their page tables. */
#include "commands/command_context.h"

#include "kernel/struct_page.h"
#include "walk/page_tables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT  (1u << 18) /* page-table pages of a VM */
#define MAX_SPTES      200
#define MAX_TARGETS    8
#define ADDRESS_SPACES 2
#define GFN_UNKNOWN    (~0ULL)

/* What the number may be: bits of find.kinds. The words are those of the command line. */
#define KINDS(X)                                                                                   \
	X(GPA, "gpa")                                                                              \
	X(HVA, "hva")                                                                              \
	X(PFN, "pfn")                                                                              \
	X(PAGE, "page")                                                                            \
	X(SPTE, "spte")                                                                            \
	X(KVM_PAGE, "kvm_page")                                                                    \
	X(TASK, "task")

enum kind {
#define X(name, word) FIND_##name,
	KINDS(X)
#undef X
		KIND_COUNT,
};

static const char *const kind_words[] = {
#define X(name, word) word,
	KINDS(X)
#undef X
};

struct find {
	struct km_command_context *ctx;
	unsigned kinds;	 /* a bit for each kind that is searched for */
	uint64_t number; /* hexadecimal */
	uint64_t tid;	 /* the word as a decimal number, for FIND_TASK only */
	bool has_tid;
	struct km_val pfn, table; /* page frame; physical address of an SPTE, if it is one */
	struct km_node *places, *sptes;
	uint64_t place_count, spte_count, unreadable, unknown_gfns;
	/* of one VM */
	const struct km_vm *vm;
	struct km_spte_masks masks;
	struct km_page_tables tables;
	uint64_t gfns[MAX_TARGETS]; /* whose SPTEs are wanted */
	size_t gfn_count;
	uint64_t gfns_left_out; /* of all VMs: there is no room for them */
};

static bool asks(const struct find *f, enum kind kind)
{
	return f->kinds & KM_BIT(kind);
}

/* ---- what the number is ---- */

/* One meaning of the number. @gpa, @hva, @pfn and @page are set if they follow from it. */
static void add_place(struct find *f, enum kind kind, const char *is, struct km_val gpa,
		      struct km_val hva, struct km_val page)
{
	struct km_node *row = km_doc_row(f->places);

	f->place_count++;
	km_doc_cell(row, "kind", km_v_text(kind_words[kind]));
	km_doc_cell(row, "vm", f->vm ? km_v_dec(f->vm->number) : km_v_none("-"));
	km_doc_cell(row, "is", km_v_text(is));
	km_doc_cell(row, "gpa", km_v_val(gpa, KM_V_HEX));
	km_doc_cell(row, "hva", km_v_val(hva, KM_V_HEX));
	km_doc_cell(row, "kvm_mmu_page", km_v_val(page, KM_V_HEX));
}

static const struct km_val none = {.known = KM_ABSENT};

static void want_gfn(struct find *f, uint64_t gfn)
{
	for (size_t i = 0; i < f->gfn_count; i++) {
		if (f->gfns[i] == gfn)
			return;
	}
	if (f->gfn_count < MAX_TARGETS)
		f->gfns[f->gfn_count++] = gfn;
	else
		f->gfns_left_out++;
}

static void add_in_slot(struct find *f, enum kind kind, const struct km_memslots *slots,
			const struct km_memslot *slot, uint64_t offset)
{
	uint64_t gpa = (slot->base_gfn << KM_PAGE_SHIFT) + offset,
		 hva = slot->userspace_addr + offset;
	bool is_gpa = kind == FIND_GPA;

	want_gfn(f, gpa >> KM_PAGE_SHIFT);
	add_place(f, kind,
		  km_doc_text(f->places, "in memslot %" PRId64 "%s, %s 0x%" PRIx64, slot->id,
			      slots->as_id ? " of SMM" : "", is_gpa ? "HVA" : "GPA",
			      is_gpa ? hva : gpa),
		  km_known_val(gpa), km_known_val(hva), none);
}

/* Add the slots of the VM that the number lies in, as a GPA and as an HVA. */
static km_error *search_slots(struct find *f, unsigned as_id)
{
	struct km_memslots slots;
	km_error *err = km_memslots_read(f->ctx->kernel, f->vm->addr, as_id, &slots);

	for (size_t i = 0; !err && i < slots.count; i++) {
		const struct km_memslot *s = &slots.slots[i];
		uint64_t bytes = s->npages << KM_PAGE_SHIFT;
		uint64_t in_guest = f->number - (s->base_gfn << KM_PAGE_SHIFT);

		if (asks(f, FIND_GPA) && in_guest < bytes)
			add_in_slot(f, FIND_GPA, &slots, s, in_guest);
		if (asks(f, FIND_HVA) && f->number - s->userspace_addr < bytes)
			add_in_slot(f, FIND_HVA, &slots, s, f->number - s->userspace_addr);
	}
	if (!err && slots.trouble)
		km_doc_note(f->ctx->root, "some memslots of VM %u are not readable: %s",
			    f->vm->number, slots.trouble);
	km_memslots_deinit(&slots);
	if (!err || km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ENOMEM ||
	    km_error_code(err) == KM_ELIMIT)
		return err;
	if (!as_id)
		km_doc_note(f->ctx->root, "memslots of VM %u: %s", f->vm->number,
			    km_error_text(err));
	km_error_free(err);
	return NULL;
}

/* ---- tasks ---- */

static bool is_task(const struct find *f, struct km_val task, struct km_val tid)
{
	if (km_is_known(task) && task.v && task.v == f->number)
		return true;
	/* a vCPU that never ran has no thread: 0 */
	return f->has_tid && km_is_known(tid) && tid.v && tid.v == f->tid;
}

static void search_tasks(struct find *f)
{
	const struct km_vm *vm = f->vm;
	char id[KM_VAL_TEXT];

	if (is_task(f, km_known_val(vm->owner), vm->pid))
		add_place(f, FIND_TASK,
			  km_doc_text(f->places, "owner of the VM: %s, pid %s",
				      vm->comm[0] ? vm->comm : "?",
				      km_val_spell(vm->pid, false, id)),
			  none, none, none);
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		const struct km_vcpu *v = &vm->vcpus[i];

		if (is_task(f, v->task, v->tid))
			add_place(f, FIND_TASK,
				  km_doc_text(f->places, "thread of vCPU %u:%u: tid %s", vm->number,
					      v->idx, km_val_spell(v->tid, false, id)),
				  none, none, none);
	}
}

/* ---- page tables ---- */

/* The gfn that entry @index of an indirect shadow page maps. Mirrors kvm_mmu_page_get_gfn(). */
static uint64_t translated_gfn(struct find *f, const struct km_mmu_page *sp, unsigned index)
{
	const struct km_kernel *k = f->ctx->kernel;
	struct km_val array = km_kget(k, sp->addr, KM_M_kvm_mmu_page_shadowed_translation);
	km_scoped_error *unreadable = NULL;
	uint64_t word = 0;

	if (!km_is_known(array) || !array.v)
		return GFN_UNKNOWN;
	unreadable = km_read_virt_as(k->mem, array.v + 8 * (uint64_t)index, &word, sizeof(word),
				     "kvm_mmu_page.shadowed_translation[]");
	return unreadable ? GFN_UNKNOWN : word >> KM_PAGE_SHIFT;
}

/* The first gfn that entry @index maps, if it is a leaf. Mirrors kvm_mmu_page_get_gfn(). */
static uint64_t entry_gfn(struct find *f, const struct km_mmu_page *sp, unsigned index)
{
	if (!sp->role_known || !km_is_known(sp->gfn) || sp->role.passthrough)
		return GFN_UNKNOWN;
	if (!sp->role.direct)
		return translated_gfn(f, sp, index);
	return km_entry_gfn(sp->gfn.v, index, sp->role.level);
}

static void add_spte(struct find *f, const struct km_table_page *page, const struct km_mmu_page *sp,
		     unsigned index, uint64_t value, uint64_t gfn)
{
	struct km_spte spte = km_spte_decode(&f->masks, value, page->level);
	uint64_t pa = page->pa + 8 * (uint64_t)index;
	bool mapped = spte.kind == KM_SPTE_PRESENT && spte.leaf;
	struct km_node *row;

	if (f->spte_count++ >= MAX_SPTES)
		return;
	row = km_doc_row(f->sptes);
	km_doc_cell(row, "vm", km_v_dec(f->vm->number));
	km_doc_cell(row, "gpa",
		    gfn == GFN_UNKNOWN ? km_v_none("?") : km_v_hex(gfn << KM_PAGE_SHIFT));
	km_doc_cell(row, "level", km_v_dec((uint64_t)page->level));
	km_doc_cell(row, "sptep", km_v_hex(f->ctx->kernel->page_offset_base + pa));
	km_doc_cell(row, "physical", km_v_hex(pa));
	km_doc_cell(row, "spte", km_v_hex(value));
	km_doc_cell(row, "pfn", mapped ? km_v_hex(spte.pfn) : km_v_none("-"));
	km_doc_cell(row, "kvm_mmu_page", km_v_hex(sp->addr));
	km_doc_cell(row, "stale", km_v_as(km_v_bool(page->stale), page->stale ? "stale root" : ""));
	km_doc_cell(row, "says", km_v_text(km_spte_attributes(f->sptes, &f->masks, &spte)));
}

/* Does entry @index map one of the pages that are wanted? *@gfn: what it maps. */
static bool is_wanted(struct find *f, const struct km_mmu_page *sp,
		      const struct km_table_page *page, unsigned index, uint64_t value,
		      uint64_t *gfn)
{
	struct km_spte spte = km_spte_decode(&f->masks, value, page->level);
	uint64_t pages = 1ULL << 9 * (page->level - 1);
	bool leaf = spte.kind == KM_SPTE_PRESENT && spte.leaf;

	*gfn = GFN_UNKNOWN;
	if (!leaf && spte.kind != KM_SPTE_MMIO)
		return false;
	if (leaf && km_is_known(f->pfn) && f->pfn.v - spte.pfn < pages) {
		*gfn = entry_gfn(f, sp, index);
		return true;
	}
	if (!f->gfn_count)
		return false;
	*gfn = entry_gfn(f, sp, index);
	f->unknown_gfns += *gfn == GFN_UNKNOWN;
	for (size_t i = 0; *gfn != GFN_UNKNOWN && i < f->gfn_count; i++) {
		if (f->gfns[i] - *gfn < pages)
			return true;
	}
	return false;
}

static const char *table_text(struct find *f, const struct km_table_page *page,
			      const struct km_mmu_page *sp)
{
	char gfn[KM_VAL_TEXT];

	return km_doc_text(f->places, "page table 0x%" PRIx64 ", level %d, gfn %s, role %08x%s",
			   page->pa, page->level, km_val_spell(sp->gfn, true, gfn), sp->role.word,
			   page->stale ? ", below a stale root" : "");
}

/* The number names this page table, or an entry in it. */
static void match_table(struct find *f, const struct km_table_page *page,
			const struct km_mmu_page *sp, const uint64_t *entries)
{
	struct km_val addr = km_known_val(sp->addr);

	if (asks(f, FIND_KVM_PAGE) && sp->addr == f->number)
		add_place(f, FIND_KVM_PAGE, table_text(f, page, sp), none, none, addr);
	if (km_is_known(f->pfn) && f->pfn.v == page->pa >> KM_PAGE_SHIFT)
		add_place(f, asks(f, FIND_PAGE) && !asks(f, FIND_PFN) ? FIND_PAGE : FIND_PFN,
			  table_text(f, page, sp), none, none, addr);
	if (!km_is_known(f->table) || f->table.v - page->pa >= KM_PAGE_SIZE)
		return;
	add_place(f, FIND_SPTE,
		  km_doc_text(f->places, "entry %u of the %s",
			      (unsigned)(f->table.v - page->pa) / 8, table_text(f, page, sp)),
		  none, none, addr);
	if (entries) {
		unsigned index = (unsigned)(f->table.v - page->pa) / 8;

		add_spte(f, page, sp, index, entries[index], entry_gfn(f, sp, index));
	}
}

static km_error *visit(void *arg, const struct km_table_page *page, const struct km_mmu_page *sp,
		       const uint64_t *entries)
{
	struct find *f = arg;
	uint64_t gfn;

	match_table(f, page, sp, entries);
	f->unreadable += !entries;
	for (unsigned i = 0; entries && i < KM_TABLE_ENTRIES; i++) {
		bool shown = km_is_known(f->table) && f->table.v == page->pa + 8 * (uint64_t)i;

		if (entries[i] && !shown && is_wanted(f, sp, page, i, entries[i], &gfn))
			add_spte(f, page, sp, i, entries[i], gfn);
	}
	return NULL;
}

static km_error *search_tables(struct find *f)
{
	const struct km_kernel *k = f->ctx->kernel;
	struct km_vcpu_mmu *all = calloc(1, sizeof(*all));
	km_error *err = all ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	f->tables = (struct km_page_tables){
		.limit = f->ctx->options.limit ? f->ctx->options.limit : DEFAULT_LIMIT,
		.visit = visit,
		.arg = f,
	};
	for (size_t i = 0; i < f->vm->vcpu_count && !err; i++) {
		km_vcpu_mmu_read(k, &f->vm->vcpus[i], all);
		for (size_t j = 0; j < all->mmu_count && !err; j++) {
			if (!all->mmus[j].readable || !all->mmus[j].used)
				continue;
			f->masks = km_vm_masks(k, f->vm);
			f->masks.paging = all->mmus[j].paging;
			err = km_page_tables_add(&f->tables, k, &f->masks, &all->mmus[j]);
		}
	}
	f->unreadable += f->tables.left_out;
	if (f->tables.limit_hit)
		km_doc_note(f->ctx->root,
			    "VM %u has more than %" PRIu64 " page-table pages (--limit): the "
			    "others were not searched",
			    f->vm->number, f->tables.limit);
	km_page_tables_deinit(&f->tables);
	free(all);
	return err;
}

/* ---- the command ---- */

static km_error *search_vm(struct find *f, const struct km_vm *vm)
{
	km_error *err = NULL;

	f->vm = vm;
	f->gfn_count = 0;
	for (unsigned as_id = 0; as_id < ADDRESS_SPACES && !err; as_id++)
		err = search_slots(f, as_id);
	if (asks(f, FIND_TASK))
		search_tasks(f);
	if (!err && (f->gfn_count || km_is_known(f->pfn) || km_is_known(f->table) ||
		     asks(f, FIND_KVM_PAGE)))
		err = search_tables(f);
	return err;
}

/* Set f->pfn and f->table if the number is a page frame or the address of an SPTE. */
static void resolve(struct find *f)
{
	const struct km_kernel *k = f->ctx->kernel;
	bool kernel = km_is_kernel_address(f->number);

	f->pfn = f->table = none;
	if (asks(f, FIND_PFN) && !kernel)
		f->pfn = km_known_val(f->number);
	else if (asks(f, FIND_PAGE) && kernel)
		f->pfn = km_page_to_pfn(k, f->number);
	if (!asks(f, FIND_SPTE) || f->number % 8)
		return;
	if (!kernel)
		f->table = km_known_val(f->number);
	else if (f->number >= k->page_offset_base && f->number < k->vmemmap_base)
		f->table = km_known_val(f->number - k->page_offset_base);
}

/* The meaning that has the name @word; 0: none. */
static unsigned kind_named(const char *word)
{
	for (int i = 0; i < KIND_COUNT; i++) {
		if (!strcmp(word, kind_words[i]))
			return (unsigned)KM_BIT(i);
	}
	return 0;
}

static km_error *parse(struct find *f)
{
	const char *word = f->ctx->argv[f->ctx->argc - 1];
	km_error *err;

	f->kinds = (1u << KIND_COUNT) - 1;
	if (kind_named(word))
		return km_errorf(KM_EUSAGE, "find %s needs a number", word);
	if (f->ctx->argc > 1) {
		f->kinds = kind_named(f->ctx->argv[0]);
		if (!f->kinds)
			return km_errorf(
				KM_EUSAGE,
				"meaning \"%s\" is not gpa, hva, pfn, page, spte, kvm_page or task",
				f->ctx->argv[0]);
	}
	/* a decimal thread ID only where it cannot be anything else */
	f->has_tid = f->kinds == KM_BIT(FIND_TASK) && km_parse_decimal(word, &f->tid);
	err = km_parse_hex(word, "address", &f->number);
	if (!err)
		resolve(f);
	return err;
}

static void begin(struct find *f)
{
	f->places = km_doc_table(f->ctx->root, "places", NULL);
	km_doc_column(f->places, "kind", "AS", false);
	km_doc_column(f->places, "vm", "VM", true);
	km_doc_column(f->places, "is", "IS", false);
	km_doc_column(f->places, "gpa", NULL, false);
	km_doc_column(f->places, "hva", NULL, false);
	km_doc_column(f->places, "kvm_mmu_page", "KVM_MMU_PAGE", false);
	f->sptes = km_doc_table(f->ctx->root, "sptes", "SPTEs");
	km_doc_column(f->sptes, "vm", "VM", true);
	km_doc_column(f->sptes, "gpa", "GPA", false);
	km_doc_column(f->sptes, "level", "LEVEL", true);
	km_doc_column(f->sptes, "sptep", "SPTE ADDRESS", false);
	km_doc_column(f->sptes, "physical", NULL, false);
	km_doc_column(f->sptes, "spte", "SPTE", false);
	km_doc_column(f->sptes, "pfn", "PFN", false);
	km_doc_column(f->sptes, "kvm_mmu_page", "KVM_MMU_PAGE", false);
	km_doc_column(f->sptes, "stale", "", false);
	km_doc_column(f->sptes, "says", NULL, false);
}

static void conclude(struct find *f)
{
	struct km_node *root = f->ctx->root;

	km_doc_field(root, "sptes_found", NULL, km_v_dec(f->spte_count));
	if (!f->place_count)
		km_doc_machine_only(f->places);
	if (!f->spte_count)
		km_doc_machine_only(f->sptes);
	if (!f->place_count && !f->spte_count && f->kinds == KM_BIT(FIND_TASK))
		km_doc_note(root, "task %s was not found in any VM",
			    f->ctx->argv[f->ctx->argc - 1]);
	else if (!f->place_count && !f->spte_count)
		km_doc_note(root, "0x%" PRIx64 " was not found in any VM", f->number);
	else if (!f->spte_count)
		km_doc_note(root, "no SPTE that was read maps it");
	if (f->spte_count > MAX_SPTES)
		km_doc_note(root, "%" PRIu64 " more SPTEs are left out", f->spte_count - MAX_SPTES);
	if (f->gfns_left_out)
		km_doc_note(root,
			    "%" PRIu64 " more gfns in memslots are left out: their SPTEs were not "
			    "searched for",
			    f->gfns_left_out);
	if (f->unreadable)
		km_doc_note(root,
			    "%" PRIu64 " page-table pages are not readable, or not proven to be "
			    "page tables: what they map is not known",
			    f->unreadable);
	if (f->unknown_gfns)
		km_doc_note(root,
			    "for %" PRIu64
			    " SPTEs (shadow paging), the GPA is not readable: they may also map it",
			    f->unknown_gfns);
}

km_error *km_command_find(struct km_command_context *ctx)
{
	struct find f = {.ctx = ctx};
	km_error *err = parse(&f);

	if (!err && !ctx->kernel->features.spte_known)
		err = km_errorf(KM_EABSENT,
				"the SPTEs of this kernel cannot be decoded: its masks are "
				"not known");
	if (!err)
		err = km_context_read_vms(ctx);
	if (err)
		return err;
	if (asks(&f, FIND_TASK))
		km_vms_find_threads(ctx->kernel, &ctx->vms);
	km_doc_field(ctx->root, "number", NULL, km_v_hex(f.number));
	begin(&f);
	for (size_t i = 0; i < ctx->vms.count && !err; i++) {
		if (!ctx->vms.vms[i].left_out)
			err = search_vm(&f, &ctx->vms.vms[i]);
	}
	km_describe_left_out(ctx, NULL, true);
	if (!err)
		conclude(&f);
	return err;
}
