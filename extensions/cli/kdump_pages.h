/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages of a kdump-compressed dump. */
#ifndef KVMMMU_KDUMP_PAGES_H
#define KVMMMU_KDUMP_PAGES_H

#include "../kvmmmu/error.h"

#include <stddef.h>
#include <stdint.h>

struct kdump_pages;

/* Of the file @fd, which stays the caller's and open. KM_EDATA: its headers are damaged. */
km_error *kdump_pages_open(int fd, struct kdump_pages **pages);
void kdump_pages_close(struct kdump_pages *pages);

/* Physical memory. KM_EREAD: not in the dump, or damaged there. */
km_error *kdump_pages_read(struct kdump_pages *pages, uint64_t pa, void *buf, size_t len);

#endif
