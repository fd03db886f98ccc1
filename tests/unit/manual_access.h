/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SDM 4.6.1 and 4.6.2 (APM 5.6, 5.6.6 and 5.6.7): which accesses a page permits. What they say is
 * written here as they say it, and shares nothing with the rules.
 */
#ifndef KVMMMU_TESTS_UNIT_MANUAL_ACCESS_H
#define KVMMMU_TESTS_UNIT_MANUAL_ACCESS_H

#include "cm.h"

#include <stdbool.h>

/* The registers that decide. */
struct mode {
	bool wp, nxe, smep, smap, pke, ac;
	uint32_t pkru;
};

/* A page: the rights in every entry of its walk, and the protection key of its leaf. */
struct page {
	bool write, user, execute;
	unsigned key;
};

enum kind { READ, WRITE, FETCH, KINDS };

/* SDM 4.6.1 for supervisor-mode accesses, all of them explicit. */
static inline bool supervisor_may(const struct mode *m, const struct page *p, enum kind kind)
{
	bool may_execute = !m->nxe || p->execute;
	bool smap_allows = !m->smap || m->ac;

	switch (kind) {
	case READ:
		return !p->user || smap_allows;
	case WRITE:
		if (p->user && !smap_allows)
			return false;
		return !m->wp || p->write;
	case FETCH:
		if (p->user && m->smep)
			return false;
		return may_execute;
	case KINDS:
		break;
	}
	fail();
	return false;
}

/* ... and for user-mode accesses, which are to user-mode addresses only. */
static inline bool user_may(const struct mode *m, const struct page *p, enum kind kind)
{
	if (!p->user)
		return false;
	if (kind == WRITE)
		return p->write;
	return kind == READ || !m->nxe || p->execute;
}

/* SDM 4.6.2: data accesses to user-mode addresses. AD forbids all, WD writes that R/W restricts. */
static inline bool key_allows(const struct mode *m, const struct page *p, enum kind kind, bool user)
{
	bool ad = m->pkru >> 2 * p->key & 1, wd = m->pkru >> (2 * p->key + 1) & 1;

	if (!m->pke || kind == FETCH || !p->user)
		return true;
	return !ad && !(wd && kind == WRITE && (user || m->wp));
}

#endif
