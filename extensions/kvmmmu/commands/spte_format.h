/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SPTE formats that can be named where there is no dump: "ept", "npt:6.1". "ept-noad" is EPT
 * without A/D bits.
 */
#ifndef KVMMMU_SPTE_FORMAT_H
#define KVMMMU_SPTE_FORMAT_H

#include "base/error.h"
#include "rules/spte.h"

#define KM_FORMAT_PAGINGS(_)                                                                       \
	_("ept", KM_PAGING_EPT)                                                                    \
	_("ept-noad", KM_PAGING_EPT)                                                               \
	_("npt", KM_PAGING_NPT)                                                                    \
	_("shadow", KM_PAGING_SHADOW)

/* A format without a kernel, and then one for each kernel whose software bits are known. */
#define KM_FORMATS_OF_PAGING(_, name, paging)                                                      \
	_(name, paging, KM_SPTE_7_2)                                                               \
	_(name ":4.18", paging, KM_SPTE_4_18)                                                      \
	_(name ":5.10", paging, KM_SPTE_5_10)                                                      \
	_(name ":6.1", paging, KM_SPTE_6_1)                                                        \
	_(name ":6.12", paging, KM_SPTE_6_12)                                                      \
	_(name ":7.2", paging, KM_SPTE_7_2)                                                        \
	_(name ":7.3", paging, KM_SPTE_7_2)

/* The names of all, with a blank after each. */
#define KM_FORMAT_WORD_(name, paging, generation) name " "
#define KM_FORMAT_WORDS_(name, paging)		  KM_FORMATS_OF_PAGING(KM_FORMAT_WORD_, name, paging)
#define KM_FORMAT_WORDS				  KM_FORMAT_PAGINGS(KM_FORMAT_WORDS_)

/* What "error --as" takes beside them: the kinds of numbers, see trace/numbers.h. */
#define KM_READING_WORDS "pferr idt svm vmx tdx"

/* The masks of the format @name. KM_EUSAGE. */
km_error *km_parse_format(const char *name, struct km_spte_masks *masks);

#endif
