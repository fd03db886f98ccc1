// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/walk_gva.h"

#include "kvm/sev.h"
#include "walk/guest_walk.h"

#include <inttypes.h>
#include <string.h>

#define X86_CR0_WP KM_BIT(16)

struct gva {
	struct km_command_context *ctx;
	const struct km_subject *s;
	struct km_guest_paging paging;
	struct km_memslots slots;
	struct km_guest_tables tables, outer;
	struct km_guest_walk walk;
	uint64_t addr;
	struct km_node *section;
};

/* ---- the guest's entries ---- */

static const char *size_text(const struct gva *g, int level)
{
	bool four_byte = g->tables.w->cpu_role.base.has_4_byte_gpte;

	return four_byte && level == PG_LEVEL_2M ? "4M" : km_level_size_text(level);
}

static const char *entry_text(const struct gva *g, const struct km_guest_entry *e, bool last)
{
	bool leaf = last && g->walk.end == KM_GUEST_MAPPED;
	char rights[8];

	if (last && g->walk.reserved)
		return "reserved bits";
	if (last && !leaf && g->walk.end == KM_GUEST_FAULTS)
		return "not present";
	if (g->walk.top == 3 && e->level == 3)
		return "table";
	km_acc_spell(KM_ACC_RWUX, e->access, false, rights, sizeof(rights));
	return km_doc_text(g->section, "%s%s %s%s%s", leaf ? "leaf " : "table",
			   leaf ? size_text(g, e->level) : "", rights,
			   e->pte & KM_BIT(5) ? " A" : "", leaf && e->pte & KM_BIT(6) ? " D" : "");
}

/*
 * The SPTE that maps the table of @e, which the processor has to read for the walk; with shadow
 * paging, it does not read the guest's tables.
 */
static km_error *table_spte(const struct gva *g, const struct km_guest_entry *e, const char **text)
{
	const struct km_walk_level *last;
	struct km_walk walk;
	km_error *err;

	*text = NULL;
	if (km_mmu_address_meaning(g->s->mmu) == KM_ADDR_GVA)
		return NULL;
	err = km_walk(g->ctx->kernel, &g->s->masks, g->s->mmu, e->table, &walk);
	if (err)
		return err;
	last = km_walk_last(&walk);
	if (walk.end == KM_END_LEAF)
		*text = km_doc_text(g->section, "%s %c%c", km_level_size_text(walk.end_level),
				    last->spte.r ? 'r' : '-', last->spte.w ? 'w' : '-');
	else
		*text = walk.end == KM_END_UNREADABLE ? "unreadable" : "none";
	return NULL;
}

static km_error *describe_entries(struct gva *g)
{
	struct km_node *table = km_doc_table(g->section, "entries", NULL);

	if (!g->walk.count)
		return NULL;
	km_doc_column(table, "level", "LEVEL", false);
	km_doc_column(table, "table", NULL, false);
	km_doc_column(table, "index", NULL, false);
	km_doc_people_column(table, "place", "TABLE[INDEX]", false);
	km_doc_column(table, "entry", "ENTRY", false);
	km_doc_column(table, "says", "CONTENTS", false);
	km_doc_column(table, "table_spte", "TABLE'S SPTE", false);
	for (size_t i = 0; i < g->walk.count; i++) {
		const struct km_guest_entry *e = &g->walk.entries[i];
		struct km_node *row = km_doc_row(table);
		const char *spte;
		km_error *err = table_spte(g, e, &spte);

		if (err)
			return err;
		km_doc_cell(row, "level", km_v_dec((uint64_t)e->level));
		km_doc_cell(row, "table", km_v_hex(e->table));
		km_doc_cell(row, "index", km_v_dec(e->index));
		km_doc_cell(row, "place",
			    km_v_text(km_doc_text(table, "0x%" PRIx64 "[%u]", e->table, e->index)));
		km_doc_cell(row, "entry", km_v_hex(e->pte));
		km_doc_cell(row, "says", km_v_text(entry_text(g, e, i + 1 == g->walk.count)));
		km_doc_cell(row, "table_spte", spte ? km_v_text(spte) : km_v_none("-"));
	}
	return NULL;
}

/* ---- which accesses they permit ---- */

/*
 * The table that decides: with TDP, the processor applies the rule to the guest's registers, also
 * to a CR0.WP that KVM does not see; with shadow paging, KVM looks at its own table. Return false
 * if it is not known.
 */
static bool find_words(const struct gva *g, uint16_t words[KM_PERM_WORDS],
		       struct km_guest_access *access)
{
	const struct km_kernel *k = g->ctx->kernel;
	const struct km_perm_table *table = km_guest_table(&g->s->all, g->tables.w);
	const struct km_cpu_role *role = &g->tables.w->cpu_role;
	struct km_perm_inputs in;

	if (!table || (table->status != KM_TABLE_MATCHES && table->status != KM_TABLE_DIFFERS))
		return false;
	access->format = k->features.acc;
	access->words = words;
	access->pkru_mask = table->pkru_mask;
	if (!k->features.tdp) {
		memcpy(words, table->words, KM_PERM_WORDS * sizeof(words[0]));
		return true;
	}
	in = km_guest_perm_inputs(k->features.acc, role, false, false);
	if (km_is_known(g->paging.cr0))
		in.cr0_wp = g->paging.cr0.v & X86_CR0_WP;
	km_update_permission_bitmask(&in, words);
	access->pkru_mask = km_update_pkru_bitmask(role->ext.cr4_pke, in.cr0_wp);
	return true;
}

/* The page fault that the guest gets: FNAME(walk_addr_generic). */
static const char *fault_text(const struct gva *g, uint64_t pfec, bool pk)
{
	const struct km_cpu_role *role = &g->tables.w->cpu_role;
	bool has_fetch = role->base.efer_nx || km_cpu_role_cr4_smep(role);
	char spelled[128];

	pfec |= PFERR_PRESENT_MASK | (pk ? PFERR_PK_MASK : 0);
	if (!has_fetch)
		pfec &= ~PFERR_FETCH_MASK;
	return km_doc_text(g->section, "#PF %s", km_pferr_spell(pfec, spelled, sizeof(spelled)));
}

static struct km_value ruling_value(const struct gva *g, const struct km_guest_access *access,
				    uint64_t pfec)
{
	bool pk;

	switch (km_permission_fault(access, pfec, &pk)) {
	case KM_GUEST_PERMITS:
		return km_v_tone(km_v_text("permitted"), KM_TONE_GOOD);
	case KM_GUEST_FORBIDS:
		return km_v_tone(km_v_text(fault_text(g, pfec, pk)), KM_TONE_ALARM);
	case KM_GUEST_NEEDS_AC:
		return km_v_text("depends on EFLAGS.AC");
	case KM_GUEST_NEEDS_PKRU:
		return km_v_text("depends on PKRU");
	}
	return km_v_none("-");
}

static void describe_access(struct gva *g)
{
	static const struct {
		const char *name;
		uint64_t pfec;
	} kinds[] = {{"read", 0}, {"write", PFERR_WRITE_MASK}, {"fetch", PFERR_FETCH_MASK}};
	struct km_guest_access access = {.acc = g->walk.access, .pkey = km_guest_pkey(&g->walk)};
	uint16_t words[KM_PERM_WORDS];
	struct km_node *table = km_doc_table(g->section, "accesses", NULL);

	km_guest_access_registers(&g->paging, &access);
	if (!find_words(g, words, &access)) {
		km_doc_note(g->section, "which accesses they permit is not known: the permission "
					"table for the guest's entries is not known");
		return;
	}
	km_doc_column(table, "access", "ACCESS", false);
	km_doc_column(table, "user", "USER", false);
	km_doc_column(table, "supervisor", "SUPERVISOR", false);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "access", km_v_text(kinds[i].name));
		km_doc_cell(row, "user", ruling_value(g, &access, kinds[i].pfec | PFERR_USER_MASK));
		km_doc_cell(row, "supervisor", ruling_value(g, &access, kinds[i].pfec));
	}
	if (!g->walk.rsvd_checked)
		km_doc_note(g->section, "reserved bits are not checked: those of this guest are "
					"not known");
}

/* ---- the walk ---- */

static const char *end_name(const struct gva *g)
{
	switch (g->walk.end) {
	case KM_GUEST_MAPPED:
		return "mapped";
	case KM_GUEST_FAULTS:
		return "faults";
	case KM_GUEST_OPEN:
		break;
	}
	return "unknown";
}

/* Is the address in the range that this paging mode has? A linear address of 64-bit code is signed.
 */
static bool is_canonical(const struct gva *g)
{
	unsigned bits = g->walk.top >= 4 ? 12 + 9 * (unsigned)g->walk.top : 32;

	if (bits == 32)
		return !(g->addr >> 32);
	return (uint64_t)((int64_t)(g->addr << (64 - bits)) >> (64 - bits)) == g->addr;
}

static void start_section(struct gva *g)
{
	bool known = km_is_known(g->tables.root);
	const char *root = km_doc_text(g->ctx->root, "CR3 0x%" PRIx64, g->tables.root.v);

	g->section = km_doc_section(g->ctx->root, "guest_walk",
				    km_doc_text(g->ctx->root,
						"guest's walk of linear address 0x%" PRIx64 ", %s",
						g->addr, known ? root : "CR3 not known"));
	km_doc_field(g->section, "address", NULL, km_v_hex(g->addr));
	km_doc_field(g->section, "cr3", NULL, km_v_val(g->tables.root, KM_V_HEX));
	km_doc_field(g->section, "cr3_source", "CR3",
		     km_v_text(known ? km_doc_text(g->section, "from %s", g->paging.cr3_source)
				     : g->paging.cr3_source));
	km_doc_field(g->section, "nested", NULL, km_v_bool(g->paging.nested));
}

static void end_section(struct gva *g, bool mapped, uint64_t gpa)
{
	km_doc_field(g->section, "end", NULL, km_v_text(end_name(g)));
	km_doc_field(g->section, "levels", NULL, km_v_dec((uint64_t)g->walk.top));
	km_doc_field(g->section, "gpa", NULL, mapped ? km_v_hex(gpa) : km_v_none("-"));
}

static void add_no_tables(struct gva *g)
{
	km_doc_table(g->section, "entries", NULL);
	km_doc_table(g->section, "accesses", NULL);
}

/* Paging is off: the linear address is the guest-physical one. */
static void describe_no_paging(struct gva *g)
{
	bool exists = !(g->addr >> 32); /* there is no 64-bit mode without paging */

	g->walk.end = exists ? KM_GUEST_MAPPED : KM_GUEST_FAULTS;
	add_no_tables(g);
	if (exists)
		km_doc_note(g->section,
			    "CR0.PG=0: the linear address is the guest-physical address");
	else
		km_doc_note(g->section, "CR0.PG=0: linear addresses have 32 bits, so that no "
					"access can have this address");
	if (g->ctx->options.has_cr3)
		km_doc_note(g->section, "CR0.PG=0: --cr3 is not used");
}

static km_error *describe_guest_walk(struct gva *g)
{
	km_error *err = km_guest_walk_tables(g->ctx->kernel, g->s->vm, &g->slots, &g->tables,
					     g->addr, &g->walk);

	/* the processor does not walk: neither is it shown what a walk of the lower bits finds */
	if (!err && g->walk.top && !is_canonical(g)) {
		g->walk.end = KM_GUEST_FAULTS;
		add_no_tables(g);
		km_doc_note(g->section, "%s",
			    g->walk.top >= 4
				    ? "the address is not canonical: an access to it does not "
				      "reach the page tables"
				    : "linear addresses of this guest have 32 bits, so that no "
				      "access can have this address");
		return NULL;
	}
	if (!err)
		err = describe_entries(g);
	if (err)
		return err;
	if (g->walk.end == KM_GUEST_MAPPED)
		describe_access(g);
	else
		km_doc_table(g->section, "accesses", NULL);
	if (g->walk.end == KM_GUEST_MAPPED)
		km_doc_note(g->section, "maps %s 0x%" PRIx64, g->paging.nested ? "L2 GPA" : "GPA",
			    g->walk.gfn << KM_PAGE_SHIFT | (g->addr & (KM_PAGE_SIZE - 1)));
	else
		km_doc_note(g->section, "%s", g->walk.why);
	return NULL;
}

static bool is_encrypted(const struct gva *g)
{
	enum km_sev sev = km_vm_sev(g->ctx->kernel, g->s->vm);

	return sev == KM_SEV || sev == KM_SEV_ES;
}

static void describe_encrypted(struct gva *g)
{
	g->walk.end = KM_GUEST_OPEN;
	add_no_tables(g);
	km_doc_note(g->section, "the guest's memory is encrypted: its page tables cannot be read");
}

/* The SPTEs for the address: under shadow paging, they translate it themselves. */
static km_error *walk_sptes(struct gva *g, bool mapped, uint64_t gpa)
{
	bool shadow = km_mmu_address_meaning(g->s->mmu) == KM_ADDR_GVA;
	struct km_walk walk;
	km_error *err;

	if (!mapped && !shadow)
		return NULL;
	err = km_walk(g->ctx->kernel, &g->s->masks, g->s->mmu, shadow ? g->addr : gpa, &walk);
	if (!err)
		km_describe_walk(g->ctx->root, g->ctx->kernel, g->s->mmu, &walk, false);
	return err;
}

km_error *km_walk_gva(struct km_command_context *ctx, const struct km_subject *subject,
		      uint64_t gva)
{
	struct gva g = {.ctx = ctx, .s = subject, .addr = gva};
	uint64_t gpa = gva;
	bool mapped, paging;
	km_error *err;

	km_guest_paging_read(ctx->kernel, subject->vcpu, &subject->all, &g.paging);
	g.tables = (struct km_guest_tables){.w = g.paging.w, .root = g.paging.cr3};
	paging = !g.paging.w || km_cpu_role_cr0_pg(&g.paging.w->cpu_role);
	if (ctx->options.has_cr3 && paging) {
		g.tables.root = km_known_val(ctx->options.cr3);
		g.paging.cr3_source = "--cr3";
	}
	if (g.paging.nested) {
		g.outer = km_guest_tables_of(g.paging.nested);
		g.tables.outer = &g.outer;
	}
	err = km_memslots_read(ctx->kernel, subject->vm->addr, subject->mmu->root_role.smm,
			       &g.slots);
	if (err) {
		km_memslots_deinit(&g.slots);
		return err;
	}
	start_section(&g);
	if (is_encrypted(&g))
		describe_encrypted(&g);
	else if (!paging)
		describe_no_paging(&g);
	else
		err = describe_guest_walk(&g);
	mapped = g.walk.end == KM_GUEST_MAPPED;
	if (mapped && paging)
		gpa = g.walk.gfn << KM_PAGE_SHIFT | (gva & (KM_PAGE_SIZE - 1));
	if (!err) {
		ctx->failed = g.walk.end == KM_GUEST_OPEN;
		end_section(&g, mapped, gpa);
		err = walk_sptes(&g, mapped, gpa);
	}
	km_memslots_deinit(&g.slots);
	return err;
}
