/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps files that others may change. A page that cannot be read, because the file has become
 * shorter or its disk fails, would be SIGBUS: it reads as zeros instead, and km_map_trouble()
 * reports this.
 */
#ifndef KVMMMU_MAP_FILE_H
#define KVMMMU_MAP_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Map @size bytes of the regular file @fd, writable; the file itself is not changed. NULL, with
 * errno. @path is copied. SIGBUS is handled while there is a mapping, and passed on if it is not
 * about one of them.
 */
void *km_map_file(int fd, size_t size, const char *path);

/* @image NULL: does nothing. Mappings that are not from km_map_file() are unmapped, too. */
void km_unmap_file(void *image, size_t size);

/*
 * Return the path of a file of which a page could not be read since the last call, valid until the
 * next one; NULL: there is none.
 */
const char *km_map_trouble(void);

#endif
