/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The extent of the damage to a permission table. */
#ifndef KVMMMU_DAMAGE_H
#define KVMMMU_DAMAGE_H

#include "diagnose/case.h"

#define KM_NEIGHBOURS 32 /* bytes before and after the table */

enum km_damage_pattern {
	KM_DAMAGE_ZERO,	   /* every byte of the table is 0 */
	KM_DAMAGE_ONE_BIT, /* one bit of it is wrong */
	KM_DAMAGE_OTHER,
};

struct km_damage {
	const struct km_perm_table *table; /* NULL: none of the tables differs from its role */
	uint32_t size;			   /* of the table, in bytes */
	unsigned words, bytes, bits;	   /* that are wrong */
	enum km_damage_pattern pattern;
	bool before_known, after_known;
	unsigned before_zero, after_zero; /* bytes that are 0, of KM_NEIGHBOURS */
};

/* Look at the table that the fault is about, or else at the first one that differs from its role.
 */
struct km_damage km_damage_read(const struct km_case *c);

/* "all bytes are zero", ... */
const char *km_damage_pattern_text(enum km_damage_pattern pattern);

#endif
