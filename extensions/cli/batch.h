/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmmmu batch: one line of JSON for each of many dumps. */
#ifndef KVMMMU_CLI_BATCH_H
#define KVMMMU_CLI_BATCH_H

#include "commands/command_line.h"

#include <stdio.h>

/*
 * Run @line, "batch" and its files, and write the lines to @fd as they come. KM_EUSAGE if there is
 * no file; KM_EWRITE; KM_ENOMEM or KM_EREAD if no process can be started. A file that cannot be
 * read is not an error: its line reports it. Set *@found if --fail-on was given, and one of them
 * has such a finding.
 */
km_error *batch_run(const struct km_command_line *line, int fd, bool *found);

#endif
