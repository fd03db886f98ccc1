/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF made from what a layout knows: for capsules of dumps whose types came from DWARF.
 */
#ifndef KVMMMU_BTF_MAKE_H
#define KVMMMU_BTF_MAKE_H

#include "layout.h"

/*
 * Every structure of layout.def that @layout has, with its size and just the members that
 * layout.def names, as a blob for free(). KM_ENOMEM, or KM_EDATA if a member makes no sense.
 */
km_error *km_btf_make(struct km_layout *layout, void **blob, size_t *len);

#endif
