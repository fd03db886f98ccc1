/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anomalies in page tables: their kinds, which are in kinds.def, and the text about one. */
#ifndef KVMMMU_ANOMALY_H
#define KVMMMU_ANOMALY_H

#include "base/certainty.h"
#include "walk/walk.h"

/* Lines in kinds.def. */
enum km_audit_kind {
#define KM_AUDIT(scope, name, ...) KM_A_##name,
#include "audit/kinds.def"
#undef KM_AUDIT
	KM_AUDIT_KINDS,
};

/* What a kind is about, and whether KVM passes through it; see kinds.def. */
enum km_audit_scope {
	KM_SCOPE_BITS,
	KM_SCOPE_ENTRY,
	KM_SCOPE_TABLE,
	KM_SCOPE_PAGE,
	KM_SCOPE_ROOT,
	KM_SCOPE_CONTEXT,
	KM_SCOPE_VM,
	KM_SCOPES,
};

enum km_audit_moment {
	KM_MOMENT_NEVER,
	KM_MOMENT_LOCKED,
	KM_MOMENT_CHANGES,
	KM_MOMENT_INVALIDATION,
};

struct km_audit_text {
	const char *id;
	enum km_audit_scope scope;
	enum km_certainty certainty;
	enum km_audit_moment moment;
	const char *means, *legal; /* @legal may be NULL */
};

/* In the order of kinds.def. */
extern const struct km_audit_text km_audit_texts[KM_AUDIT_KINDS];

/* Find the kind called @id. Return false if there is none. */
bool km_audit_kind_find(const char *id, enum km_audit_kind *kind);

/* One that was found. */
struct km_anomaly {
	enum km_audit_kind kind;
	enum km_certainty certainty;
	unsigned vcpu;	     /* index of the first vCPU with such a root */
	const char *context; /* name of its MMU context; NULL: it is about the VM */
	bool has_entry;	     /* @table_pa, @index and @spte are set */
	uint64_t table_pa;   /* of the page table */
	int level;	     /* of the table; 0: it is about a root, a context or the VM */
	unsigned index;
	struct km_spte spte;
	struct km_val gpa;     /* that the entry maps first; unknown: see walk_address */
	uint64_t kvm_mmu_page; /* of the page table; 0: none */
	char what[200];	       /* how it contradicts, a phrase */
};

/* Set a->what. */
void km_anomaly_says(struct km_anomaly *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
