/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table with a line for each vCPU of a host that may have thousands: stuck ones come first, then
 * those about which nothing is known, and of the states in which nothing accuses a vCPU only the
 * first ones are listed.
 */
#ifndef KVMMMU_VCPU_ROWS_H
#define KVMMMU_VCPU_ROWS_H

#include "diagnose/diagnosis.h"
#include "document/document.h"

#define KM_STATES (KM_STATE_UNKNOWN + 1)

struct km_vcpu_rows {
	struct km_node *table;		 /* it has its columns, and no row */
	struct km_node *stuck, *unknown; /* the last row of these */
	uint64_t count[KM_STATES];	 /* vCPUs in each state */
	uint64_t folded[KM_STATES];	 /* those of them without a row */
};

/*
 * Return a row for a vCPU in @state; NULL: it is folded, or memory is out. With @all, none is.
 */
struct km_node *km_vcpu_row(struct km_vcpu_rows *rows, enum km_vcpu_state state, bool all);

/* Does the table have a row? */
bool km_vcpu_rows_any(const struct km_vcpu_rows *rows);

/* Add to @parent how many are folded, if any are, and how to list them. */
void km_describe_folded(struct km_node *parent, const struct km_vcpu_rows *rows);

#endif
