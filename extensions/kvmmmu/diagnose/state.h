/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a vCPU, decided from its case and from what the conditions found. */
#ifndef KVMMMU_STATE_H
#define KVMMMU_STATE_H

#include "diagnose/diagnosis.h"

/* Decide state, certainty and verdict of @e from its findings, which are sorted. */
void km_decide_state(const struct km_case *c, struct km_explanation *e);

/*
 * The rule for "healthy": return NULL if all the required evidence is present, otherwise a clause
 * that describes what is missing or contradicts it. README.md explains the rule.
 */
const char *km_doubt_about_health(const struct km_case *c, const struct km_explanation *e);

/* Did the audit find an SPTE below its root that makes faults repeat? False where its fault is
 * known. */
bool km_root_is_damaged(const struct km_case *c);

#endif
