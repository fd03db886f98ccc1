// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/more_evidence.h"

/* While a capsule is written or listed, reads are recorded, so they are ordinary ones. */
bool km_more_evidence_begin(const struct km_kernel *k)
{
	bool quiet = !km_memory_recorder(k->mem);

	return km_memory_try(k->mem, quiet);
}

void km_more_evidence_end(const struct km_kernel *k, bool before)
{
	km_memory_try(k->mem, before);
}

struct km_val km_more_evidence(const struct km_kernel *k, uint64_t addr, enum km_member_id id)
{
	bool before = km_more_evidence_begin(k);
	struct km_val val = km_kget(k, addr, id);

	km_more_evidence_end(k, before);
	return val;
}
