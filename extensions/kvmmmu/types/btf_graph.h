/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types and names of a checked BTF blob, read where they are.
 *
 * libbpf could do this, and km_btf_source does it for a capsule. But it copies each blob, a
 * module's together with that of vmlinux, and indexes all types again: three quarters of the memory
 * that "perms" touched, and a third of its time.
 */
#ifndef KVMMMU_BTF_GRAPH_H
#define KVMMMU_BTF_GRAPH_H

#include "types/btf_check.h"

#include <bpf/btf.h>

struct km_btf_graph {
	const struct km_btf_graph *base; /* has the types below @first; NULL: none */
	uint32_t first;
	struct km_btf_extent extent;
	void *data;	  /* allocated; the types in it are aligned */
	uint32_t *starts; /* of each type from @first on, in the types */
};

/*
 * Check the @len bytes at @data, which are allocated and are taken over, even on failure. @base, or
 * NULL, is what they are split from; it must outlive @graph. Call km_btf_graph_deinit() in any
 * case. KM_EDATA: damaged; KM_ENOMEM.
 */
km_error *km_btf_graph_init(struct km_btf_graph *graph, void *data, size_t len,
			    const struct km_btf_graph *base);
void km_btf_graph_deinit(struct km_btf_graph *graph);

/* Return type @id, of the graph or of what it is based on; NULL: there is none. 0 is void. */
static inline const struct btf_type *km_btf_type(const struct km_btf_graph *graph, uint32_t id)
{
	static const struct btf_type nothing;

	if (!id)
		return &nothing;
	if (id >= graph->extent.end_id)
		return NULL;
	while (id < graph->first)
		graph = graph->base;
	return (const struct btf_type *)((const char *)graph->data + graph->extent.types +
					 graph->starts[id - graph->first]);
}

/* Return the text at @offset of the strings, "" if it is not in them. */
static inline const char *km_btf_name(const struct km_btf_graph *graph, uint32_t offset)
{
	if (offset >= graph->extent.end_string)
		return "";
	while (graph->base && offset < graph->base->extent.end_string)
		graph = graph->base;
	return (const char *)graph->data + graph->extent.strings + offset -
	       (graph->base ? graph->base->extent.end_string : 0);
}

#endif
