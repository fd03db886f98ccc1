/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BTF that libbpf has of a graph, from which it copies types into a capsule. Made when first
 * asked for: no other command needs it.
 */
#ifndef KVMMMU_BTF_SOURCE_H
#define KVMMMU_BTF_SOURCE_H

#include "types/btf_graph.h"

struct km_btf_source {
	const struct km_btf_graph *graph;
	struct km_btf_source *base; /* of what the graph is split from; NULL: it is not */
	struct btf *btf;	    /* with the types of @base; NULL: not yet made */
};

/* Make @source->btf, and that of its bases, unless they are there. KM_EDATA; KM_ENOMEM. */
km_error *km_btf_source_make(struct km_btf_source *source);
void km_btf_source_deinit(struct km_btf_source *source);

#endif
