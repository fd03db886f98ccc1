/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decode the numbers of an exit: error codes, exit qualifications, interruption info. */
#ifndef KVMMMU_NUMBERS_H
#define KVMMMU_NUMBERS_H

#include "rules/access.h"

enum km_reading {
	KM_READ_PFERR, /* PFERR_*: of #PF and of AMD's NPF exits */
	KM_READ_EPT,   /* exit qualification of an EPT violation */
	KM_READ_IDT, /* IDT-vectoring and VM-exit interruption info; AMD's EXITINTINFO, EVENTINJ */
	KM_READ_SVM, /* SVM exit code */
	KM_READ_VMX, /* VMX exit reason */
	KM_READ_TDX, /* status of a SEAMCALL, of TDH.VP.ENTER */
	KM_READINGS,
};

/* "pferr", "ept", "idt", "svm", "vmx", "tdx" */
const char *km_reading_name(enum km_reading reading);

/* False if @name is none of them. */
bool km_reading_parse(const char *name, enum km_reading *reading);

/*
 * Return what @value is, by the bits that are set. @values is the number of values that were given:
 * an SVM exit code comes with EXITINFO1 and EXITINFO2. @ept: the host is known to have EPT. *@why
 * is set to the reason, *@sure to whether no other reading is possible.
 */
enum km_reading km_guess_reading(uint64_t value, int values, bool ept, const char **why,
				 bool *sure);

/*
 * Why @value cannot be a number of kind @reading: a sentence without a full stop; NULL if it can.
 * Only the forms that the processor fixes are checked.
 */
const char *km_reading_objection(enum km_reading reading, uint64_t value);

/* Names of the bits of an exit qualification, lowest first; *@count of them. */
const struct km_bit_name *km_ept_qualification_names(size_t *count);

/*
 * "instruction fetch; nothing is mapped (R=W=X=0 in the entries); the final address of a guest
 * linear address" into @buf, and returns it. 256 bytes are enough.
 */
char *km_ept_qualification_spell(uint64_t qualification, char *buf, size_t size);

/* "R-X" of bits 5:3; "---" means that nothing is mapped. 4 bytes are enough. */
char *km_ept_qualification_rights(uint64_t qualification, char *buf, size_t size);

/* "vector 6 (#UD), hardware exception" into @buf, and returns it; "none" if bit 31 is clear. */
char *km_vectoring_spell(uint64_t info, char *buf, size_t size);

/* "TDX_OPERAND_BUSY" of the upper half of a status; NULL if it has no name here. */
const char *km_tdx_status_name(uint64_t status);

/* "SEPT": the operand that the lower half names; NULL if it has no name here. */
const char *km_tdx_operand_name(uint64_t status);

#endif
