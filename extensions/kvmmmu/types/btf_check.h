/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Validates a BTF blob. libbpf before 1.4 does not.
 */
#ifndef KVMMMU_BTF_CHECK_H
#define KVMMMU_BTF_CHECK_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* include/uapi/linux/btf.h. Later kernels add fields, and hdr_len is the length with them. */
struct km_btf_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	uint32_t type_off, type_len, str_off, str_len; /* in bytes, after the header */
};

/* The parts of a blob, as offsets into it. */
struct km_btf_extent {
	size_t types, types_len;
	size_t strings, strings_len;
	uint32_t end_id;     /* one past the last type id, including base types */
	uint32_t end_string; /* one past the last string offset, including base strings */
};

/*
 * Check header, types, strings and every reference between them, so that nobody who reads types
 * reads outside the blob. Types may still refer to themselves. @base describes the BTF that a split
 * one is based on, or NULL. *@starts, which the caller frees, even on failure, has the offset of
 * each type in the types, the first of them first. KM_EDATA: damaged; KM_ENOMEM.
 */
km_error *km_btf_check(const void *data, size_t len, const struct km_btf_extent *base,
		       struct km_btf_extent *extent, uint32_t **starts);

#endif
