/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How sure a finding is, from a remark to a contradiction within the dump. */
#ifndef KVMMMU_CERTAINTY_H
#define KVMMMU_CERTAINTY_H

#include <stdbool.h>

enum km_certainty {	     /* in rising order */
		    KM_NOTE, /* explains, accuses nobody */
		    KM_POSSIBLE,
		    KM_LIKELY,
		    KM_PROVEN, /* the dump contradicts itself */
};

/* "note", "possible", "likely" or "proven". */
const char *km_certainty_text(enum km_certainty certainty);

/* The other way; false if @word is none of them. */
bool km_certainty_parse(const char *word, enum km_certainty *certainty);

#endif
