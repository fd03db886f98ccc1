/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an answer goes: to the terminal or, for some commands, to the file that -o names. */
#ifndef KVMMMU_ANSWER_H
#define KVMMMU_ANSWER_H

#include "commands/answer_options.h"
#include "commands/command_table.h"

/*
 * Print @doc to @out or, if @command writes its answer to -o, to that file or folder; then @out
 * gets one line for each file. @out is standard error if "-o -" sent something else to standard
 * output.
 */
km_error *km_answer_print(const struct km_command *command, const struct km_command_context *ctx,
			  const struct km_document *doc, const struct km_answer_options *answers,
			  FILE *out);

/* KM_EWRITE, before a long analysis starts, if the answer cannot be written to -o. */
km_error *km_answer_check(const struct km_command *command, const struct km_command_context *ctx,
			  const struct km_target *target);

#endif
