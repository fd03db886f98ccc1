// SPDX-License-Identifier: GPL-2.0-or-later
#include "print.h"

#include <string.h>

void print_text(const char *what, FILE *out)
{
	if (!strcmp(what, "manual"))
		print_manual(out);
	else if (!strcmp(what, "bash"))
		print_bash_completion(out);
	else
		print_zsh_completion(out);
}
