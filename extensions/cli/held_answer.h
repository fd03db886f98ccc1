/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of an answer until it is complete, so that an error leaves nothing of it: in memory or,
 * if it is long, in a temporary file.
 */
#ifndef KVMMMU_HELD_ANSWER_H
#define KVMMMU_HELD_ANSWER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All zero: empty. */
struct held_answer {
	char *bytes; /* the first ones */
	size_t len, room;
	int file;	   /* of those behind them: its descriptor plus one; 0: there are none */
	uint64_t file_len; /* in bytes */
	bool failed;	   /* a part could not be kept: nothing of it is written */
};

/*
 * Return a stream to write the answer to; NULL if memory is exhausted. Seeking cuts the answer off
 * at that place. fclose() fails if a part could not be kept. Call held_answer_deinit() after it.
 */
FILE *held_answer_open(struct held_answer *held);

/* Write it to @fd, as write_answer() does. */
km_error *held_answer_write(const struct held_answer *held, int fd, bool *gone);

void held_answer_deinit(struct held_answer *held);

#endif
