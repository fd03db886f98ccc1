// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/btf_graph.h"

#include <stdlib.h>

km_error *km_btf_graph_init(struct km_btf_graph *graph, void *data, size_t len,
			    const struct km_btf_graph *base)
{
	*graph = (struct km_btf_graph){
		.base = base,
		.first = base ? base->extent.end_id : 1,
		.data = data,
	};
	return km_btf_check(data, len, base ? &base->extent : NULL, &graph->extent, &graph->starts);
}

void km_btf_graph_deinit(struct km_btf_graph *graph)
{
	free(graph->starts);
	free(graph->data);
	*graph = (struct km_btf_graph){0};
}
