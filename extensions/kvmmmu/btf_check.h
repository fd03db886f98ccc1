/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a BTF blob sound? libbpf before 1.4 or so believes whatever it is given.
 */
#ifndef KVMMMU_BTF_CHECK_H
#define KVMMMU_BTF_CHECK_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/* What a blob has, and where; offsets into the blob. */
struct km_btf_extent {
	size_t types, types_len;
	size_t strings, strings_len;
	uint32_t end_id;     /* one past the last type's number, base types counted */
	uint32_t end_string; /* one past the last string offset, likewise */
};

/*
 * Checks header, types, strings and every reference between them, so that no type or name that
 * libbpf looks at lies outside. Types may still go in circles. @base is that of the BTF below a
 * split one, or NULL. KM_EDATA.
 */
km_error *km_btf_check(const void *data, size_t len, const struct km_btf_extent *base,
		       struct km_btf_extent *extent);

#endif
