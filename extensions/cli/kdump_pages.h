/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages of a kdump-compressed dump: uncompressed, or compressed with zlib, LZO, snappy or
 * zstd. Descriptors are checked before they are used.
 */
#ifndef KVMMMU_KDUMP_PAGES_H
#define KVMMMU_KDUMP_PAGES_H

#include "base/error.h"
#include "base/file_read.h"
#include "dump/dump_loss.h"

#include <stddef.h>
#include <stdint.h>

struct kdump_pages;

/*
 * Read the bitmap of @file, which remains the caller's and must stay open. KM_EDATA: the headers
 * are damaged. Close it with kdump_pages_close().
 */
km_error *kdump_pages_open(struct km_file *file, struct kdump_pages **pages);
void kdump_pages_close(struct kdump_pages *pages);

/* Return why pages may be missing; valid until it is closed. */
const struct km_dump_loss *kdump_pages_loss(const struct kdump_pages *pages);

/*
 * Read @len bytes of physical memory at @pa. KM_EREAD: a page is not in the dump, is beyond the end
 * of a truncated file, or is damaged.
 */
km_error *kdump_pages_read(struct kdump_pages *pages, uint64_t pa, void *buf, size_t len);

#endif
