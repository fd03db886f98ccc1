/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger lends us. crash, gdb, the stand-alone program and a capsule each implement one.
 * Nothing here writes: the target is only ever read.
 */
#ifndef KVMMMU_TARGET_H
#define KVMMMU_TARGET_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_target;

struct km_registers {
	uint64_t rip, rsp, rbp;
};

struct km_target_ops {
	/*
	 * Reads @len bytes at physical address @pa, all or nothing: KM_EREAD. A capsule that does
	 * not cover them says KM_EABSENT.
	 */
	km_error *(*read_phys)(struct km_target *target, uint64_t pa, void *buf, size_t len);
	/* Reads @len bytes at kernel virtual address @va, likewise. */
	km_error *(*read_virt)(struct km_target *target, uint64_t va, void *buf, size_t len);
	/* Address of a symbol of the kernel proper, or of a module if the host knows it. */
	bool (*symbol)(struct km_target *target, const char *name, uint64_t *addr);
	/* Did the user press Ctrl-C since the command began? */
	bool (*interrupted)(struct km_target *target);
	/*
	 * The function of the kernel proper or of a module that covers text address @addr, and how
	 * far into it. NULL: the host cannot tell.
	 */
	bool (*symbol_at)(struct km_target *target, uint64_t addr, char *name, size_t size,
			  uint64_t *offset);
	/*
	 * Registers of CPU @cpu as the host has them, whoever's they are: maybe a nested guest's.
	 * NULL: the host has none.
	 */
	bool (*registers)(struct km_target *target, unsigned cpu, struct km_registers *regs);
	/*
	 * Lets the target run for so long and stops it again; breakpoints are asleep meanwhile, and
	 * they and the selected CPU are afterwards as before. What was read of it is old then:
	 * km_memory_forget(). KM_EINTR: the user stopped it; KM_EABSENT: it can't run. NULL: the
	 * host never can (a dump).
	 */
	km_error *(*resume_for)(struct km_target *target, unsigned milliseconds);
	/* Shows how far long work is: @done of @what; NULL: it has ended. May be NULL. */
	void (*progress)(struct km_target *target, const char *what, uint64_t done);
};

/* What a capsule knows of its kernel without it being read. All texts; NULL: not known. */
struct km_target_kernel {
	const char *release;
	const char *build_ids[3]; /* of vmlinux, kvm, its vendor module */
	const char *vendor;	  /* "AMD", "Intel" */
	const char *types;	  /* where its types came from */
	const void *btf;	  /* of all its types */
	size_t btf_len;
	const char *vendor_trouble;	     /* why the vendor module's types are missing */
	uint64_t symbol_pages_lost;	     /* of kvm's symbol table */
	bool types_made;		     /* of members that DWARF told, not whole */
	bool names;			     /* process names are in it */
	const struct km_saved_stacks *saved; /* stacks and tasks; NULL: none are in it */
};

struct km_target {
	const struct km_target_ops *ops;
	const char *host;      /* "crash 9.0.2", "kvmmmu" */
	const char *name;      /* the dump's file name, "live" */
	const char *debug_dir; /* where the user says debuginfo is (file or folder), or NULL */
	const char *moving;    /* why it changes while it is read; NULL: it stands still */
	const struct km_target_kernel *brings; /* a capsule, which holds ranges, not pages */
};

/* Such a progress(), on a line of standard error if that is a terminal. */
void km_progress_on_terminal(struct km_target *target, const char *what, uint64_t done);

#endif
