/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replace addresses and names in a document, so that it can be given away. An address becomes
 * another number that is the same wherever the address was, and keeps the offset within its page
 * (of kernel addresses within 64 KiB): entries, structures and pages can still be distinguished and
 * compared. Indexes into page tables, which give the address away, are hidden.
 */
#ifndef KVMMMU_REDACT_H
#define KVMMMU_REDACT_H

#include "document/document.h"

struct km_redaction;

/* Return an empty redaction, or NULL if memory is exhausted. The caller frees it. */
struct km_redaction *km_redaction_new(void);
void km_redaction_free(struct km_redaction *r);

/* @number is not an address, even if it looks like one: an error code, a role. */
void km_redaction_keep(struct km_redaction *r, uint64_t number);

/* Replace @name wherever it is a word; "" is ignored. */
void km_redaction_name(struct km_redaction *r, const char *name);

/*
 * Return the replacement of @number. Numbers below 64 Ki and those that are kept stay. Frames of
 * pages (gfn, pfn) are addresses shifted right by 12.
 */
uint64_t km_redacted(struct km_redaction *r, uint64_t number);

/* Replace all addresses and names in @node and in what it contains. NULL is fine. */
void km_redact(struct km_redaction *r, struct km_node *node);

/* Return true if memory ran out: then the document must not be shown. */
bool km_redaction_oom(const struct km_redaction *r);

#endif
