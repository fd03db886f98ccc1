/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which options and arguments a command takes, as its forms list them. */
#ifndef KVMMMU_COMMAND_FORMS_H
#define KVMMMU_COMMAND_FORMS_H

#include "commands/command_table.h"
#include "commands/option_table.h"

/* Does a form of the command have this word: an option ("-m", "--as"), an argument ("VCPU")? */
bool km_command_has_word(const struct km_command *command, const char *word);

/* Does it take @argument by itself, not as the value of an option? */
bool km_command_has_argument(const struct km_command *command, const struct km_argument *argument);

/* Does @command take the option? */
bool km_command_takes(const struct km_command *command, const struct km_option *option);

#endif
