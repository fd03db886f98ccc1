/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All options, one line each. Help, manual and completion are generated from them. */
#ifndef KVMMMU_OPTION_TABLE_H
#define KVMMMU_OPTION_TABLE_H

#include "commands/command_options.h"

#define KM_MAX_OPTIONS 64

/* An option of any command, or of the program. */
struct km_option {
	char letter;	      /* 'j' of -j; 0: it has none */
	const char *name;     /* "json" of --json */
	const char *argument; /* that it takes: the name of a struct km_argument; NULL: none */
	bool optional;	      /* which may be left out */
	unsigned front_ends;  /* bits: where it exists */
	bool common;	      /* every command takes it; else those whose forms name it */
	/* Stores it; KM_EUSAGE if @value is not what it has to be. */
	km_error *(*set)(struct km_command_options *options, const char *value);
	const char *text; /* what it does; NULL: not for users */
};

/* Option @index, NULL past the last. */
const struct km_option *km_option_at(size_t index);

/* The option that @word is: "-m", "--mmu"; @len bytes long. NULL: there is none. */
const struct km_option *km_option_find(const char *word, size_t len);

/* Is there such an option in @front_end, for users? */
bool km_option_is_shown(const struct km_option *option, enum km_front_end front_end);

/* Does @front_end have the option? */
bool km_option_exists(const struct km_option *option, enum km_front_end front_end);

#endif
