/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of an exit as people paste them: "184", "0x1_0000_0007", "388",
 * "exit_qualification=0x184", "ext_inf1: 0x184 ext_inf2: 0x0", a whole kvm_exit line.
 */
#ifndef KVMMMU_NUMBER_WORDS_H
#define KVMMMU_NUMBER_WORDS_H

#include "trace/numbers.h"

#define KM_NUMBER_WORDS 16

enum km_number_name {
	KM_NUMBER_UNNAMED,
	KM_NUMBER_ERROR_CODE, /* an error code, or what kvm_page_fault prints under that name */
	KM_NUMBER_QUALIFICATION,
	KM_NUMBER_VECTORING, /* IDT-vectoring, interruption info; EXITINTINFO, EVENTINJ */
	KM_NUMBER_INFO1,     /* EXITINFO1, or VMX's exit qualification */
	KM_NUMBER_INFO2,     /* EXITINFO2, or VMX's vectoring info */
	KM_NUMBER_EXIT_CODE, /* SVM's */
	KM_NUMBER_EXIT_REASON,
	KM_NUMBER_TDX,
	KM_NUMBER_SPTE,
	KM_NUMBER_ADDRESS,
	KM_NUMBER_OTHER, /* a name that is not known here: "vcpu", "rip" */
};

struct km_number_word {
	enum km_number_name is;
	char name[32]; /* as it was given; "" */
	uint64_t value;
	bool decimal;	     /* it was read as a decimal number, because only that is plausible */
	bool digits;	     /* it may be decimal: neither 0x nor a letter nor a zero in front */
	uint64_t as_decimal; /* if so */
	uint64_t as_hex;     /* 0: it has too many digits */
};

struct km_number_words {
	struct km_number_word words[KM_NUMBER_WORDS];
	size_t count;
	bool amd, intel; /* a word or a name shows this */
	bool named;	 /* at least one number has a name */
};

/*
 * Read the numbers in @text. Return the first word that is neither a number nor part of a name,
 * and its length in *@len; NULL: all words were read. Numbers are hexadecimal, with or without 0x;
 * digits without it are decimal if only that makes them a value of an exit.
 */
const char *km_number_words_read(const char *text, struct km_number_words *numbers, size_t *len);

/* Can @value be an error code, qualification, interruption info or TDX status, by its bits? */
bool km_number_is_plausible(uint64_t value);

#endif
