/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a front end is, and how it wants its answers. */
#ifndef KVMMMU_ANSWER_OPTIONS_H
#define KVMMMU_ANSWER_OPTIONS_H

#include "base/opened.h"
#include "commands/front_end.h"

#include <stdbool.h>

/* How a front end wants its answers; all zeros is fine. */
struct km_answer_options {
	enum km_front_end front_end;
	bool color;	  /* in text, for a terminal */
	unsigned columns; /* of the terminal; 0: it is none */
	/* opens another file than that of the session; NULL: it opens capsules only */
	km_open_fn *open;
};

#endif
