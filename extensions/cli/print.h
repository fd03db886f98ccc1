/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the build generates from the tables of commands, options and findings: `kvmmmu --print
 * TEXT`.
 */
#ifndef KVMMMU_PRINT_H
#define KVMMMU_PRINT_H

#include <stdio.h>

/* @what: one of the words that the option takes. */
void print_text(const char *what, FILE *out);

/* kvmmmu.8, in mdoc. */
void print_manual(FILE *out);

/* Completion scripts. */
void print_bash_completion(FILE *out);
void print_zsh_completion(FILE *out);

#endif
