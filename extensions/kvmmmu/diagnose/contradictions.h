/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about one vCPU that contradict each other, and what follows: whatever was concluded is less
 * certain, and nothing is proven.
 */
#ifndef KVMMMU_DIAGNOSE_CONTRADICTIONS_H
#define KVMMMU_DIAGNOSE_CONTRADICTIONS_H

#include "diagnose/diagnosis.h"

/*
 * Collect them in c->contradictions: those of the vCPU, those of its last fault, and those between
 * its thread, its stack and its mode. Called when the rest of the case is complete.
 */
void km_case_find_contradictions(struct km_case *c);

/* Those that need no more than the case. */
void km_rule_contradictions(struct km_case *c);

/*
 * Lower the certainty of the state and of all findings to possible if there are any, and name them
 * in the verdict. If the memory is not that of the vCPU, or a fault is being handled that is not
 * known, the state is unknown.
 */
void km_weigh_contradictions(const struct km_case *c, struct km_explanation *e);

#endif
