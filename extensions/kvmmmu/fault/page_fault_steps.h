/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of the path (page_fault.h) to one another: each file plays some functions of the
 * kernel's and notes the steps.
 */
#ifndef KVMMMU_PAGE_FAULT_STEPS_H
#define KVMMMU_PAGE_FAULT_STEPS_H

#include "guest_walk.h"
#include "page_fault.h"

/* struct kvm_page_fault as the path fills it, and what it found on the way. */
struct km_replay {
	const struct km_page_fault_state *s;
	struct km_page_fault_path *path;
	uint64_t error_code; /* as the handler sees it */
	bool write, fetch, present, is_private, prefetch;
	uint64_t gfn;
	bool gfn_known;
	const struct km_memslot *slot;
	bool slot_known;   /* NULL means: there is none */
	bool map_writable; /* the host maps the page writable */
	bool tdp_mmu;	   /* the root is a TDP MMU page */
	struct km_mmu_page root;
	const struct km_walk_level *last; /* the last SPTE, or NULL; not of pae_root */
	uint16_t words[KM_PERM_WORDS];	  /* the table that is asked about SPTEs ... */
	bool has_words;			  /* ... if this kernel has one */
	bool test_known, denied;	  /* what the kernel's test says of the last SPTE */
	enum km_ruling processor;	  /* what the processor says of the walk */
	bool fixed_ruling_known;
	enum km_ruling fixed_ruling; /* ... and would say of what a fix leaves */
	struct km_guest_walk guest;  /* indirect MMUs */
	bool open;		     /* a step before was open */
	km_error *err;		     /* Ctrl-C */
};

/* Each notes a step. km_pass() and km_open() return true: the path goes on. */
bool km_pass(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool km_open(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Returns false: it ends here with @ret. */
bool km_end(struct km_replay *r, const char *function, const char *id, enum km_ret_pf ret,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* page_fault_handle_page_track(): false if the path ends there. */
bool km_replay_page_track(struct km_replay *r);

/* kvm_mmu_faultin_pfn(), and handle_abnormal_pfn() where it is a function of its own. */
bool km_replay_faultin_pfn(struct km_replay *r);

/*
 * Does an invalidation cover the gfn (which has a slot)? Asked by @function, under mmu_lock or not:
 * mmu_invalidate_retry_gfn() (before 6.8 mmu_invalidate_retry_hva()), and its _unsafe form, which
 * lets one pass that has no range.
 */
bool km_replay_invalidation(struct km_replay *r, const char *function, bool locked);

/* is_page_fault_stale() */
bool km_replay_stale(struct km_replay *r);

/* kvm_tdp_mmu_map(), direct_map() or FNAME(fetch)() with mmu_set_spte(). */
bool km_replay_map(struct km_replay *r);

/* kvm_mem_is_private() of the gfn, 0 or 1; KM_ABSENT: this kernel keeps no attributes. */
struct km_val km_mem_is_private(const struct km_replay *r);

/* Is the gfn write-tracked? km_val.v is the count; KM_UNREADABLE if the dump does not tell. */
struct km_val km_write_tracked(const struct km_replay *r);

/* What the processor says of the walk if its last SPTE were @spte. */
enum km_ruling km_replay_processor(const struct km_replay *r, uint64_t spte);

#endif
