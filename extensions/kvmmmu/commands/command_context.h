/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command works with: the opened kernel, the user's options, the document it fills. */
#ifndef KVMMMU_COMMAND_CONTEXT_H
#define KVMMMU_COMMAND_CONTEXT_H

#include "base/opened.h"
#include "commands/command_options.h"
#include "diagnose/diagnosis.h"
#include "commands/spte_format.h"
#include "document/document.h"
#include "fault/page_fault.h"
#include "kvm/memslots.h"
#include "kvm/mmu.h"

struct km_command_context {
	struct km_kernel *kernel; /* NULL for a command that runs without a dump */
	struct km_command_options options;
	int argc; /* positional arguments, without the name of the command */
	char **argv;
	struct km_node *root; /* of the document */
	bool has_target;      /* there is a dump, or a host debugger */
	km_open_fn *open;     /* of other files; NULL: capsules only */
	bool failed;	      /* the answer reports that something is wrong, or not known: exit 3 */
	bool found;	      /* a verdict that counts as a finding for --fail-on */
	enum km_certainty found_certainty; /* the highest of one */
	struct km_vms vms;		   /* by km_context_read_vms(); outlives the document */
};

/* A vCPU loops or is stuck, with this certainty: for --fail-on, as a finding in the document. */
static inline void km_context_finds(struct km_command_context *ctx, enum km_certainty certainty)
{
	if (!ctx->found || certainty > ctx->found_certainty)
		ctx->found_certainty = certainty;
	ctx->found = true;
}

/* Fill the document and return NULL, or return an error that is printed instead of it. */
typedef km_error *km_command_fn(struct km_command_context *ctx);

/* km_command_NAME() of every line in commands.def. */
#define KM_COMMAND(name, ...) km_command_fn km_command_##name;
#include "commands/commands.def"
#undef KM_COMMAND

/*
 * Read all VMs into ctx->vms, with a note where the list of them is not readable. Once for each
 * command. Errors as km_vms_read().
 */
km_error *km_context_read_vms(struct km_command_context *ctx);

/*
 * Set *@vm to the VM that @word names: its number in @vms, the address of its struct kvm, or its
 * owner's PID. KM_EUSAGE if there is none.
 */
km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm);

/*
 * Set *@vcpu and *@vm to the vCPU that @word names, and its VM: the address of its struct kvm_vcpu,
 * VM:INDEX, or INDEX where there is only one VM. KM_EUSAGE if there is none, KM_EREAD if it is not
 * readable.
 */
km_error *km_select_vcpu(const struct km_vms *vms, const char *word, struct km_vm **vm,
			 struct km_vcpu **vcpu);

/*
 * KM_EABSENT if the capsule was made of a selection without @vm or @vcpu, which may be NULL. vms,
 * whose data every capsule has, does not ask.
 */
km_error *km_check_covered(const struct km_vms *vms, const struct km_vm *vm,
			   const struct km_vcpu *vcpu);

/*
 * A note if VMs, or if @vcpus vCPUs, are not in the answer because the capsule does not cover them.
 * @only: of this VM; NULL: of all.
 */
void km_describe_left_out(const struct km_command_context *ctx, const struct km_vm *only,
			  bool vcpus);

/* Find the vCPU whose struct kvm_vcpu is at @addr, and its VM. Return false if there is none. */
bool km_vcpu_at(const struct km_vms *vms, uint64_t addr, struct km_vm **vm, struct km_vcpu **vcpu);

/*
 * Set *@vm and *@vcpu to what the user's word names: a VM (*@vcpu is NULL), or a vCPU and its VM;
 * both are NULL, meaning all, without a word. A word that could be either names the VM. Errors as
 * km_select_vcpu() and km_check_covered().
 */
km_error *km_select(const struct km_command_context *ctx, struct km_vm **vm, struct km_vcpu **vcpu);

/*
 * Set *@mmu, within @all, to the context that the user named, else to the active one. KM_EUSAGE;
 * KM_EREAD if it is not known which one is active.
 */
km_error *km_select_mmu(const struct km_command_context *ctx, const struct km_vcpu_mmu *all,
			const struct km_mmu **mmu);

/* One vCPU, and the MMU context of it that a command examines. */
struct km_subject {
	struct km_vm *vm;
	struct km_vcpu *vcpu;
	struct km_vcpu_mmu all;
	const struct km_mmu *mmu;   /* within all */
	struct km_spte_masks masks; /* those of its VM, with the paging of mmu */
};

/*
 * Read the vCPU that @word names and its contexts into *@subject, which must not be copied. Errors
 * of km_select_vcpu(), km_check_covered() and km_select_mmu(); KM_EABSENT if the SPTEs of this
 * kernel cannot be read.
 */
km_error *km_context_subject(struct km_command_context *ctx, const char *word,
			     struct km_subject *subject);

/* ---- parts that several commands share; text that they do not copy is called borrowed ---- */

/* describe_source.c: which kernel, host and types the answer comes from. At its head; borrows. */
void km_describe_source(struct km_node *root, const struct km_kernel *kernel);

/* describe_source.c: what could not be read for this answer. At its end. */
void km_describe_gaps(struct km_node *root, const struct km_kernel *kernel);

/* "EPT", "NPT" or "shadow paging". */
const char *km_paging_text(enum km_paging paging);

/* describe_vcpu.c: facts about a VM or a vCPU that contradict each other, if there are any. */
void km_describe_contradictions(struct km_node *node, const struct km_contradictions *list);

/* describe_vcpu.c: a note if vCPUs of the VM could not be read. */
void km_describe_lost_vcpus(struct km_node *node, const struct km_vm *vm);

/* describe_vcpu.c: a note if there are no VMs at all. */
void km_describe_no_vms(const struct km_command_context *ctx);

/* describe_vcpu.c: the vCPU and its VM as the compact section @key, at the head of an answer. */
void km_describe_vcpu(struct km_node *node, const char *key, const struct km_vm *vm,
		      const struct km_vcpu *vcpu);

/* describe_walk.c: a walk. @brief: people see one line for each level but the last. */
void km_describe_walk(struct km_node *node, const struct km_kernel *kernel,
		      const struct km_mmu *mmu, const struct km_walk *walk, bool brief);

/*
 * describe_path.c: where the path ends and what follows, unless the thread waits first; people see
 * its steps if @all_steps. @wait may be NULL.
 */
void km_describe_path(struct km_node *node, const struct km_page_fault_path *path,
		      const struct km_wait *wait, bool all_steps);

/* describe_panel.c: the judges, their rulings and reasons. Return the table. */
struct km_node *km_describe_judges(struct km_node *section, const struct km_panel *panel);

/*
 * describe_panel.c: the memslot of a fault. @slot: NULL: there is none if @known, else it is
 * unknown whether there is one.
 */
void km_describe_memslot(struct km_node *parent, const struct km_memslot *slot, bool known);

/* cmd_slots.c: the names of the KVM_MEM_ and KVM_MEMSLOT_ flags, "LOG_DIRTY_PAGES|READONLY"; "":
 * none. */
const char *km_memslot_flags_text(struct km_node *node, uint64_t flags);

/* cmd_perms.c: "write user", "fetch kern AC": what word @index is about. AC takes RSVD's place. */
const char *km_perm_access_text(struct km_node *node, unsigned index);

/*
 * cmd_perms.c: a character for each value of ACC: '.' allowed, '#' denied; where the role implies
 * the opposite, 'A' allowed, 'D' denied.
 */
const char *km_perm_matrix_text(struct km_node *node, const struct km_perm_table *t,
				unsigned index);

/* cmd_perms.c: what the bits of ACC are on this kernel. */
const char *km_perm_acc_bits_text(const struct km_kernel *kernel);

/*
 * describe_case.c: all about one vCPU as an item of @list: state, findings, fault, thread, walk,
 * path. People see every level and step if @all_steps. Return the item. Nothing is borrowed.
 */
struct km_node *km_describe_case(struct km_node *list, const struct km_case *c,
				 const struct km_explanation *e, bool all_steps);

/* describe_case.c: "stuck (likely)"; without a certainty where there is no verdict. */
const char *km_state_text(struct km_node *node, enum km_vcpu_state state,
			  enum km_certainty certainty);

/* How a state is shown where there is colour. */
enum km_tone km_state_tone(enum km_vcpu_state state);

/* "GPA 0x4000000, error code 0x7 = P|W|U", with "?" for what is not known. @mmu: NULL: unknown. */
const char *km_fault_text(struct km_node *node, const struct km_mmu *mmu, struct km_val addr,
			  struct km_val error_code);

/* Return the meaning of @spte, for people ("leaf 4K rwx U A D host-W mmu-W"). Lives with @node. */
const char *km_spte_text(struct km_node *node, const struct km_spte_masks *masks,
			 const struct km_spte *spte);

/* The same without the page frame. */
const char *km_spte_attributes(struct km_node *node, const struct km_spte_masks *masks,
			       const struct km_spte *spte);

/* The same, part by part, as section "spte". */
void km_describe_spte(struct km_node *node, const struct km_spte_masks *masks,
		      const struct km_spte *spte);

#endif
