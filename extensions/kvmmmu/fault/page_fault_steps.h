/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the path (page_fault.h): each mirrors some functions of the kernel and
 * adds their steps.
 */
#ifndef KVMMMU_PAGE_FAULT_STEPS_H
#define KVMMMU_PAGE_FAULT_STEPS_H

#include "walk/guest_walk.h"
#include "fault/page_fault_path.h"

/* The struct kvm_page_fault of the path, and what it found so far. */
struct km_replay {
	const struct km_page_fault_state *s;
	struct km_page_fault_path *path;
	uint64_t error_code; /* of struct kvm_page_fault */
	bool write, fetch, present, is_private, prefetch;
	uint64_t gfn;
	bool gfn_known;
	const struct km_memslot *slot;
	bool slot_known;   /* @slot is valid; NULL: there is none */
	bool map_writable; /* the host maps the page writable */
	bool tdp_mmu;	   /* the root is a TDP MMU page */
	struct km_mmu_page root;
	const struct km_walk_level *last; /* the last SPTE, or NULL; not of pae_root */
	uint16_t words[KM_PERM_WORDS];	  /* the permission table for SPTEs, ... */
	bool has_words;			  /* ... if this kernel has one */
	bool test_known, denied;	  /* the kernel's test of the last SPTE */
	enum km_ruling processor;	  /* the processor's ruling on the walk, ... */
	bool fixed_ruling_known;
	enum km_ruling fixed_ruling; /* ... and on the walk with a fixed SPTE */
	struct km_guest_walk guest;  /* indirect MMUs */
	bool open;		     /* an earlier step is open */
	km_error *err;		     /* Ctrl-C */
};

/* Add a step. km_step_pass() and km_step_open() return true: the path continues. */
bool km_step_pass(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool km_step_open(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Add the last step, with result @ret. Return false. */
bool km_step_end(struct km_replay *r, const char *function, const char *id, enum km_ret_pf ret,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* page_fault_handle_page_track(); false: the path ends there, as for those below. */
bool km_replay_page_track(struct km_replay *r);

/* kvm_mmu_faultin_pfn() and handle_abnormal_pfn() */
bool km_replay_faultin_pfn(struct km_replay *r);

/*
 * Does an invalidation contain the gfn, which has a slot? @locked: mmu_invalidate_retry_gfn()
 * (before 6.8 mmu_invalidate_retry_hva()); else its _unsafe form, which ignores an invalidation
 * without a range. @function is the caller.
 */
bool km_replay_invalidation(struct km_replay *r, const char *function, bool locked);

/* is_page_fault_stale() */
bool km_replay_stale(struct km_replay *r);

/* kvm_tdp_mmu_map(), direct_map() or FNAME(fetch)() with mmu_set_spte(). */
bool km_replay_map(struct km_replay *r);

/* kvm_mem_is_private() of the gfn, 0 or 1. KM_ABSENT: this kernel has no memory attributes. */
struct km_val km_mem_is_private(const struct km_replay *r);

/* The write-track count of the gfn. KM_UNREADABLE: not known. */
struct km_val km_write_tracked(const struct km_replay *r);

/* The ruling of the processor on the walk, with @spte as the last SPTE. */
enum km_ruling km_replay_processor(const struct km_replay *r, uint64_t spte);

#endif
