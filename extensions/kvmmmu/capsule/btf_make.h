/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds BTF from a layout, for capsules of dumps whose types came from DWARF.
 */
#ifndef KVMMMU_BTF_MAKE_H
#define KVMMMU_BTF_MAKE_H

#include "kernel/layout.h"

/*
 * Build every structure of layout.def that @layout has, with its size and only the members that
 * layout.def names. The caller frees *blob. KM_ENOMEM; KM_EDATA: a member is inconsistent.
 */
km_error *km_btf_make(struct km_layout *layout, void **blob, size_t *len);

#endif
