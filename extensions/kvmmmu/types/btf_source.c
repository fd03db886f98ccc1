// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/btf_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A new blob: the types and strings of @base, if there is one, and those of @graph. Ids and offsets
 * into the strings remain as they are. Return NULL if memory is exhausted.
 *
 * libbpf gets only what was checked, with a header of the first version: later versions may use
 * other parts. It gets no split BTF, because btf__new_split() is not exported before libbpf 1.6,
 * and btf__parse_split() wants a path.
 */
static void *join(const struct km_btf_graph *graph, const struct btf *base, uint32_t *len)
{
	const struct km_btf_extent *extent = &graph->extent;
	const char *data = graph->data;
	struct km_btf_header header = {
		.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(header)};
	struct km_btf_header first = {0};
	const char *bytes = NULL;
	uint64_t types, strings;
	char *joined, *end;

	if (base) {
		bytes = btf__raw_data(base, len);
		if (!bytes)
			return NULL;
		memcpy(&first, bytes, sizeof(first));
		bytes += first.hdr_len;
	}
	types = (uint64_t)first.type_len + extent->types_len;
	strings = (uint64_t)first.str_len + extent->strings_len;
	if (sizeof(header) + types + strings > UINT32_MAX)
		return NULL;
	header.type_len = header.str_off = types;
	header.str_len = strings;
	*len = sizeof(header) + types + strings;
	joined = malloc(*len);
	if (!joined)
		return NULL;
	end = mempcpy(joined, &header, sizeof(header));
	if (base)
		end = mempcpy(end, bytes + first.type_off, first.type_len);
	end = mempcpy(end, data + extent->types, extent->types_len);
	if (base)
		end = mempcpy(end, bytes + first.str_off, first.str_len);
	memcpy(end, data + extent->strings, extent->strings_len);
	return joined;
}

km_error *km_btf_source_make(struct km_btf_source *source)
{
	km_error *err = source->base ? km_btf_source_make(source->base) : NULL;
	uint32_t len;
	void *joined;
	int error;

	if (err || source->btf)
		return err;
	joined = join(source->graph, source->base ? source->base->btf : NULL, &len);
	if (!joined)
		return km_errorf(KM_ENOMEM, "out of memory");
	source->btf = btf__new(joined, len);
	error = errno;
	free(joined);
	if (!source->btf)
		return error == ENOMEM ? km_errorf(KM_ENOMEM, "out of memory")
				       : km_errorf(KM_EDATA, "damaged BTF: %s", strerror(error));
	if (btf__type_cnt(source->btf) != source->graph->extent.end_id)
		return km_errorf(KM_EDATA, "damaged BTF: libbpf finds a different number of types");
	return NULL;
}

void km_btf_source_deinit(struct km_btf_source *source)
{
	btf__free(source->btf);
	source->btf = NULL;
}
