/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command works with: the opened kernel, the user's options, the document it fills. */
#ifndef KVMMMU_COMMAND_CONTEXT_H
#define KVMMMU_COMMAND_CONTEXT_H

#include "command_options.h"
#include "document.h"
#include "memslots.h"
#include "mmu.h"
#include "page_fault.h"

struct km_command_context {
	struct km_kernel *kernel; /* NULL for a command that runs without a dump */
	struct km_command_options options;
	int argc; /* positional arguments, the command's name not among them */
	char **argv;
	struct km_node *root; /* of the document */
	bool has_target;      /* there is a dump, or a host debugger */
	bool failed;	      /* the answer tells of something that is not as it has to be */
	struct km_vms vms;    /* by km_context_read_vms(); outlives the document */
};

/* A command fills the document and returns NULL, or an error that is printed instead of it. */
typedef km_error *km_command_fn(struct km_command_context *ctx);

km_command_fn km_command_vms, km_command_mmu, km_command_perms, km_command_walk, km_command_fault,
	km_command_slots, km_command_explain, km_command_spte, km_command_pfec, km_command_capture,
	km_command_replay;

/*
 * All VMs, into ctx->vms; notes in the document what of the list is not readable. Once a command.
 */
km_error *km_context_read_vms(struct km_command_context *ctx);

/* The masks that --as means: "ept", "npt:6.1", "shadow:7.2". KM_EUSAGE. */
km_error *km_parse_format(const char *as, struct km_spte_masks *masks);

/*
 * The VM that @word names: its number in `vms`, the address of its struct kvm, or its owner's PID.
 * KM_EUSAGE if there is none.
 */
km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm);

/*
 * The vCPU that @word names: address of its struct kvm_vcpu, VM:INDEX, or INDEX where there is only
 * one VM. KM_EUSAGE if there is none.
 */
km_error *km_select_vcpu(const struct km_vms *vms, const char *word, struct km_vm **vm,
			 struct km_vcpu **vcpu);

/*
 * What the user's word names, if there is one: a VM (*@vcpu is NULL), or a vCPU and its VM; NULL
 * and NULL without a word: all. A word that could be both names the VM. KM_EUSAGE.
 */
km_error *km_select(const struct km_command_context *ctx, struct km_vm **vm, struct km_vcpu **vcpu);

/* The context that the user named, else the active one. KM_EUSAGE, or KM_EREAD if none is active.
 */
km_error *km_select_mmu(const struct km_command_context *ctx, const struct km_vcpu_mmu *all,
			const struct km_mmu **mmu);

/* One vCPU and the context of it that a command looks at. */
struct km_subject {
	struct km_vm *vm;
	struct km_vcpu *vcpu;
	struct km_vcpu_mmu all;
	const struct km_mmu *mmu;   /* within all */
	struct km_spte_masks masks; /* as its VM has them, read as mmu's tables are */
};

/*
 * Reads the vCPU that @word names and its contexts. Errors of km_select_vcpu() and km_select_mmu();
 * KM_EABSENT if this kernel's SPTEs can't be read at all.
 */
km_error *km_context_subject(struct km_command_context *ctx, const char *word,
			     struct km_subject *subject);

/* Which kernel, host and type source the answer comes from: at its head. */
void km_describe_source(struct km_node *root, const struct km_kernel *kernel);

/* What could not be read for this answer, and whether the debuginfo is damaged: at its end. */
void km_describe_gaps(struct km_node *root, const struct km_kernel *kernel);

/* Notes that vCPUs of the VM could not be read, if there are such. */
void km_describe_lost_vcpus(struct km_node *node, const struct km_vm *vm);

/* vm and vcpu fields that head every answer about one vCPU, as section @key. */
void km_describe_vcpu(struct km_node *node, const char *key, const struct km_vm *vm,
		      const struct km_vcpu *vcpu);

/*
 * Sections that several commands share: describe_walk.c. @brief: for people, a line for each level
 * but the last.
 */
void km_describe_walk(struct km_node *node, const struct km_kernel *kernel,
		      const struct km_mmu *mmu, const struct km_walk *walk, bool brief);

/* describe_path.c: where the path ends and what follows; in text its steps only if @all_steps. */
void km_describe_path(struct km_node *node, const struct km_page_fault_path *path, bool all_steps);

/* describe_panel.c: the judges, what they say and why. Returns the table. */
struct km_node *km_describe_judges(struct km_node *section, const struct km_panel *panel);

/* describe_panel.c: the memslot of a fault. NULL: there is none, or (if not @known) it is unknown.
 */
void km_describe_memslot(struct km_node *parent, const struct km_memslot *slot, bool known);

/* What @spte says, for people ("leaf 4K rwx U A D host-W mmu-W"). Lives with @node. */
const char *km_spte_text(struct km_node *node, const struct km_spte_masks *masks,
			 const struct km_spte *spte);

/* The same without the page frame. */
const char *km_spte_attributes(struct km_node *node, const struct km_spte_masks *masks,
			       const struct km_spte *spte);

/* The same, part by part, as fields. */
void km_describe_spte(struct km_node *node, const struct km_spte_masks *masks,
		      const struct km_spte *spte);

#endif
