/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operations that a host provides. crash, gdb, the stand-alone program and capsules each
 * implement them. None of them writes: the target is only ever read.
 */
#ifndef KVMMMU_TARGET_H
#define KVMMMU_TARGET_H

#include "base/error.h"
#include "base/file_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_memo;
struct km_target;

struct km_registers {
	uint64_t rip, rsp, rbp;
};

struct km_target_ops {
	/*
	 * Read @len bytes at physical address @pa, all or nothing. KM_EREAD: they are not in the
	 * dump. KM_EABSENT: the capsule does not cover them. Required.
	 */
	km_error *(*read_phys)(struct km_target *target, uint64_t pa, void *buf, size_t len);
	/* Likewise at kernel virtual address @va. Required. */
	km_error *(*read_virt)(struct km_target *target, uint64_t va, void *buf, size_t len);
	/*
	 * Find the address of a symbol of vmlinux, or of a module if the host knows it. Return
	 * false if there is no such symbol. Required.
	 */
	bool (*symbol)(struct km_target *target, const char *name, uint64_t *addr);
	/*
	 * Return whether the user has pressed Ctrl-C since the command started. NULL: cannot be
	 * interrupted.
	 */
	bool (*interrupted)(struct km_target *target);
	/*
	 * Find the function of vmlinux or of a module that contains text address @addr, and the
	 * offset within it. NULL: not supported by the host.
	 */
	bool (*symbol_at)(struct km_target *target, uint64_t addr, char *name, size_t size,
			  uint64_t *offset);
	/*
	 * Get the registers of CPU @cpu as the host recorded them; they may be those of a nested
	 * guest. Return false if there are none. NULL: not supported by the host.
	 */
	bool (*registers)(struct km_target *target, unsigned cpu, struct km_registers *regs);
	/*
	 * Resume the target for @milliseconds, with breakpoints disabled, then stop it again and
	 * restore breakpoints and the selected CPU. Everything read before is outdated: call
	 * km_memory_forget(). KM_EINTR: the user stopped it; KM_EABSENT: it cannot run. NULL: the
	 * host cannot resume its target (a dump).
	 */
	km_error *(*resume_for)(struct km_target *target, unsigned milliseconds);
	/*
	 * Return one sentence on why pages that the kernel had may be missing; NULL: no reason is
	 * known. May be NULL.
	 */
	const char *(*why_missing)(struct km_target *target);
	/*
	 * Return why the target has no symbols, and what would provide them; NULL: not known. May
	 * be NULL.
	 */
	km_error *(*no_symbols)(struct km_target *target);
	/*
	 * Return the file that the target is read from, whose parts that could not be read every
	 * answer names. NULL: the host reads it.
	 */
	struct km_file *(*file)(struct km_target *target);
	/*
	 * The target has run since: forget what is remembered of its page tables. NULL: nothing is
	 * remembered, or it never runs.
	 */
	void (*forget)(struct km_target *target);
	/* Show the progress of long work; see km_progress(). NULL: not shown. */
	void (*progress)(struct km_target *target, const char *what, uint64_t done);
};

/* What a capsule states about its kernel. A text is NULL if it is not known. */
struct km_capsule_info {
	const char *release;
	const char *build_ids[3]; /* of vmlinux, kvm, its vendor module */
	const char *vendor;	  /* "AMD", "Intel" */
	const char *types;	  /* where its types came from */
	const void *btf;	  /* all its types */
	size_t btf_len;
	const char *vendor_trouble; /* why the vendor module's types are missing */
	uint64_t symbol_pages_lost; /* missing pages of kvm's symbol table */
	bool types_made;	    /* the types contain only the members in layout.def */
	bool names;		    /* process names are included */
	bool redacted; /* addresses of the kernel's image and modules are not those of the kernel */
	int64_t vm, vcpu; /* the selection that it was made of, by number; -1: all */
	const struct km_saved_stacks *saved; /* stacks and tasks; NULL: not included */
};

/*
 * Limits on an answer about a target, against hostile input. A command that exceeds one fails with
 * KM_ELIMIT.
 */
struct km_limits {
	size_t memory;	      /* bytes for what is read of it; 0: KM_DEFAULT_MEMORY */
	size_t document;      /* bytes for the document; 0: no limit */
	unsigned cpu_seconds; /* 0: no limit */
};

#define KM_DEFAULT_MEMORY ((size_t)1 << 30)

struct km_target {
	const struct km_target_ops *ops;
	const char *host;      /* "crash 9.0.2", "kvmmmu" */
	const char *name;      /* the dump's file name, "live" */
	const char *debug_dir; /* debuginfo file or folder given by the user, or NULL */
	const char *moving;    /* why it changes while it is read; NULL: it does not change */
	const struct km_capsule_info *capsule; /* of a capsule; NULL: a dump or a live kernel */
	struct km_memo *memo; /* of symbols and types, which never change; NULL: none is kept */
	struct km_limits limits;
};

/*
 * The differences between a capsule and other targets are queried here, with one function for each;
 * nothing else uses @capsule.
 */

/* The capsule's statements about its kernel, or NULL if @target is not a capsule. */
static inline const struct km_capsule_info *km_target_info(const struct km_target *target)
{
	return target->capsule;
}

/* Does it contain ranges of bytes rather than whole pages? */
static inline bool km_target_holds_ranges(const struct km_target *target)
{
	return target->capsule;
}

/* Is guest memory excluded from it? */
static inline bool km_target_excludes_guest_memory(const struct km_target *target)
{
	return target->capsule;
}

/* Are stacks and tasks already unwound and saved in it, so that there is nothing to unwind? */
static inline bool km_target_has_saved_stacks(const struct km_target *target)
{
	return target->capsule;
}

/* The stacks and tasks saved in it; NULL if there are none (capsules of format 1). */
static inline const struct km_saved_stacks *km_target_saved_stacks(const struct km_target *target)
{
	return target->capsule ? target->capsule->saved : NULL;
}

/* Does it have neither stacks to unwind nor saved ones? (Capsules of format 1.) */
static inline bool km_target_lacks_stacks(const struct km_target *target)
{
	return target->capsule && !target->capsule->saved;
}

/* Were process names left out of it? */
static inline bool km_target_lacks_names(const struct km_target *target)
{
	return target->capsule && !target->capsule->names;
}

/* Was it made of a selection that vCPU @idx of VM @number is not in? @idx -1: the whole VM. */
static inline bool km_target_leaves_out(const struct km_target *target, unsigned number,
					int64_t idx)
{
	const struct km_capsule_info *c = target->capsule;

	if (!c || c->vm < 0)
		return false;
	return c->vm != number || (c->vcpu >= 0 && idx >= 0 && c->vcpu != idx);
}

/* Return one sentence on why pages may be missing, or NULL. */
static inline const char *km_target_why_missing(struct km_target *target)
{
	return target->ops->why_missing ? target->ops->why_missing(target) : NULL;
}

/* Return why it has no symbols, or NULL. */
static inline km_error *km_target_no_symbols(struct km_target *target)
{
	return target->ops->no_symbols ? target->ops->no_symbols(target) : NULL;
}

/* Return the file that it is read from, or NULL. */
static inline struct km_file *km_target_file(struct km_target *target)
{
	return target->ops->file ? target->ops->file(target) : NULL;
}

/* Does it run, by itself or between two commands, so that what was read before may be outdated? */
static inline bool km_target_runs(const struct km_target *target)
{
	return target->moving || target->ops->resume_for;
}

/* What was read before is outdated; see km_memory_forget() for a reader's pages. */
static inline void km_target_forget(struct km_target *target)
{
	if (target->ops->forget)
		target->ops->forget(target);
}

/* A progress() that writes to standard error if that is a terminal. */

void km_progress_on_terminal(struct km_target *target, const char *what, uint64_t done);

#endif
