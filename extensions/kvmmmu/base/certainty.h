/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How certain a finding is, from a remark to a contradiction within the dump. */
#ifndef KVMMMU_CERTAINTY_H
#define KVMMMU_CERTAINTY_H

#include <stdbool.h>

enum km_certainty {	     /* in rising order */
		    KM_NOTE, /* an explanation, not a fault */
		    KM_POSSIBLE,
		    KM_LIKELY,
		    KM_PROVEN, /* the dump contradicts itself */
};

/* Return "note", "possible", "likely" or "proven". */
const char *km_certainty_text(enum km_certainty certainty);

/* Parse one of those words. Return false if @word is not one of them. */
bool km_certainty_parse(const char *word, enum km_certainty *certainty);

#endif
