// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_forms.h"

#include <stdio.h>
#include <string.h>

#define BETWEEN_WORDS " []|."

/* Does @words have @word, and if @argument, not as the value of an option? */
static bool form_has(const char *words, const char *word, bool argument)
{
	size_t len = strlen(word), next;
	bool is_value = false;

	for (; *(words += strspn(words, BETWEEN_WORDS)); words += next) {
		const struct km_option *option;

		next = strcspn(words, BETWEEN_WORDS);
		if (next == len && !strncmp(words, word, len) && !(argument && is_value))
			return true;
		option = km_option_find(words, next);
		is_value = option && option->argument;
	}
	return false;
}

static bool command_has(const struct km_command *command, const char *word, bool argument)
{
	for (const struct km_form *form = command->forms; form->words; form++) {
		if (form_has(form->words, word, argument))
			return true;
	}
	return false;
}

bool km_command_has_word(const struct km_command *command, const char *word)
{
	return command_has(command, word, false);
}

bool km_command_has_argument(const struct km_command *command, const struct km_argument *argument)
{
	return command_has(command, argument->name, true);
}

bool km_command_takes(const struct km_command *command, const struct km_option *option)
{
	char word[32];

	if (option->common)
		return true;
	if (option->letter)
		snprintf(word, sizeof(word), "-%c", option->letter);
	else
		snprintf(word, sizeof(word), "--%s", option->name);
	return km_command_has_word(command, word);
}
