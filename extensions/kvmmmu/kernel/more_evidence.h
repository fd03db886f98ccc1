/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence that capsules of earlier versions do not contain. */
#ifndef KVMMMU_MORE_EVIDENCE_H
#define KVMMMU_MORE_EVIDENCE_H

#include "kernel/kernel.h"

/*
 * Begin reading what capsules of earlier versions do not contain: if it is missing in one,
 * the answer does not report that as a gap. Return what km_more_evidence_end()
 * takes.
 */
bool km_more_evidence_begin(const struct km_kernel *kernel);
void km_more_evidence_end(const struct km_kernel *kernel, bool before);

/* Read one such member. */
struct km_val km_more_evidence(const struct km_kernel *kernel, uint64_t addr, enum km_member_id id);

#endif
