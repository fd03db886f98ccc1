/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flattened format of makedumpfile, written to pipes: pieces of a dump, each with its offset.
 * It is read in place: an index has where each piece is.
 */
#ifndef KVMMMU_FLATTENED_H
#define KVMMMU_FLATTENED_H

#include "base/error.h"
#include "base/file_read.h"

#include <stdbool.h>

struct km_flattened;
struct km_memo;

/* Does the file start with the header of a flattened dump? */
bool km_flattened_is(struct km_file *file);

/*
 * Read the headers of all pieces of @file, and from then on read @file as the dump: km_file_read()
 * takes offsets in the dump, and @file->size is the dump's. Pieces may overlap; the later one
 * counts, because makedumpfile writes its headers again at the end. What no piece has is zero. The
 * index needs about 6 bytes for each piece, of which a dump has one for every 16 KB. If @memo,
 * which may be NULL, has it, the headers are not read again; else it is kept there. The caller
 * frees it when @file is not read any more, and before @memo. KM_EDATA: the dump is damaged or
 * truncated; KM_EREAD: it cannot be read; KM_ELIMIT: it has more pieces than a dump of 320 GB;
 * KM_ENOMEM.
 */
km_error *km_flattened_index(struct km_file *file, struct km_memo *memo,
			     struct km_flattened **index);
void km_flattened_free(struct km_flattened *index);

#endif
