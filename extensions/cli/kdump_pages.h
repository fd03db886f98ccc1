/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages a kdump-compressed dump holds, and whether they can be what it says: asked before
 * libkdumpfile 0.5.1, which believes descriptors, and errs on later pages once it met one that is
 * not there.
 */
#ifndef KVMMMU_KDUMP_PAGES_H
#define KVMMMU_KDUMP_PAGES_H

#include "../kvmmmu/error.h"

#include <stddef.h>
#include <stdint.h>

struct kdump_pages;

/* Of the file @fd, which stays the caller's and open. KM_EDATA: its headers are damaged. */
km_error *kdump_pages_open(int fd, struct kdump_pages **pages);
void kdump_pages_close(struct kdump_pages *pages);

/* NULL if it holds @len bytes of physical memory. KM_EREAD: not in the dump, or damaged there. */
km_error *kdump_pages_hold(struct kdump_pages *pages, uint64_t pa, size_t len);

#endif
