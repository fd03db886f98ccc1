// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Completion for bash and zsh. Both scripts have the same parts: what each command takes, what the
 * values of options are, and a loop that finds the command on the line.
 */
#include "print.h"

#include "commands/help.h"

#include <string.h>

/* ---- parts of both ---- */

static void put_command_names(FILE *out, bool without_dump)
{
	const struct km_command *command;

	for (size_t i = 0; (command = km_command_at(i)); i++) {
		if (!without_dump || !command->needs_kernel)
			fprintf(out, "%s ", command->name);
	}
}

static void put_option_words(FILE *out, const struct km_option *o, const char *separator)
{
	if (o->letter)
		fprintf(out, "-%c%s", o->letter, separator);
	fprintf(out, "--%s", o->name);
}

/* "-k|--debuginfo|--types|...": options whose value is the next word. */
static void put_options_with_value(FILE *out)
{
	const struct km_option *o;
	const char *before = "";

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (!km_option_is_shown(o, KM_IN_PROGRAM) || !o->argument || o->optional)
			continue;
		fputs(before, out);
		put_option_words(out, o, "|");
		before = "|";
	}
}

/* A case of the shell for each option that has a value: sets words, or files. */
static void put_values(FILE *out)
{
	const struct km_option *o;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		const struct km_argument *a;

		if (!km_option_is_shown(o, KM_IN_PROGRAM) || !o->argument)
			continue;
		a = km_argument_find(o->argument, strlen(o->argument));
		fputs("\t", out);
		put_option_words(out, o, "|");
		if (a->kind == KM_ARGUMENT_WORDS)
			fprintf(out, ") words=(%s) ;;\n", a->words);
		else
			fputs(a->kind == KM_ARGUMENT_FILE ? ") files=1 ;;\n" : ") ;;\n", out);
	}
}

static bool takes_file(const struct km_command *command)
{
	const struct km_argument *a;

	for (size_t i = 0; (a = km_argument_at(i)); i++) {
		if (a->kind == KM_ARGUMENT_FILE && km_command_has_argument(command, a))
			return true;
	}
	return false;
}

/* The loop over the words before the one to be completed; @first is where they begin. */
static void put_find_command(FILE *out, const char *first, const char *end)
{
	fprintf(out,
		"\tfor ((i = %s; i < %s; i++)); do\n"
		"\t\tcase ${words[i]} in\n"
		"\t\t",
		first, end);
	put_options_with_value(out);
	fputs(") ((i++)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tif [[ -n $command ]]; then\n"
	      "\t\t\t\t:\n"
	      "\t\t\telif [[ \" $all_commands\" == *\" ${words[i]} \"* ]]; then\n"
	      "\t\t\t\tcommand=${words[i]}\n"
	      "\t\t\telse\n"
	      "\t\t\t\tdump=${words[i]}\n"
	      "\t\t\tfi\n"
	      "\t\t\t;;\n"
	      "\t\tesac\n"
	      "\tdone\n",
	      out);
}

/* ---- bash ---- */

static void put_bash_options(FILE *out, const struct km_command *command)
{
	const struct km_option *o;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (!km_option_is_shown(o, KM_IN_PROGRAM) ||
		    !(command ? km_command_takes(command, o) : o->common))
			continue;
		put_option_words(out, o, " ");
		fputc(' ', out);
	}
}

static void put_bash_commands(FILE *out)
{
	const struct km_command *command;

	for (size_t i = 0; (command = km_command_at(i)); i++) {
		fprintf(out, "\t%s) options=\"", command->name);
		put_bash_options(out, command);
		fprintf(out, "\"%s ;;\n", takes_file(command) ? " files=1" : "");
	}
	fputs("\t*) options=\"", out);
	put_bash_options(out, NULL);
	fputs("\" ;;\n", out);
}

void print_bash_completion(FILE *out)
{
	fputs("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	      "# bash completion for kvmmmu; made by \"kvmmmu --print bash\"\n"
	      "\n"
	      "# Sets words, or files, to what the value of option $1 may be; fails for others.\n"
	      "_kvmmmu_values()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      out);
	put_values(out);
	fputs("\t*) return 1 ;;\n"
	      "\tesac\n"
	      "}\n"
	      "\n"
	      "# Sets options, and files, to what command $1 takes.\n"
	      "_kvmmmu_takes()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      out);
	put_bash_commands(out);
	fputs("\tesac\n"
	      "}\n"
	      "\n"
	      "_kvmmmu()\n"
	      "{\n"
	      "\tlocal all_commands=\"",
	      out);
	put_command_names(out, false);
	fputs("\" no_dump=\"", out);
	put_command_names(out, true);
	fputs("\"\n"
	      "\tlocal line=() words=() options= files= dump= command= joins= i cur last value\n"
	      "\n"
	      "\t# bash may have split words at \"=\" and \":\"\n"
	      "\tfor ((i = 1; i <= COMP_CWORD; i++)); do\n"
	      "\t\tif [[ -n $joins || ( $i -gt 1 && ${COMP_WORDS[i]} == [=:] ) ]]; then\n"
	      "\t\t\tline[${#line[@]} - 1]+=${COMP_WORDS[i]}\n"
	      "\t\telse\n"
	      "\t\t\tline+=(\"${COMP_WORDS[i]}\")\n"
	      "\t\tfi\n"
	      "\t\t[[ ${COMP_WORDS[i]} == [=:] ]] && joins=1 || joins=\n"
	      "\tdone\n"
	      "\tlast=$((${#line[@]} - 1))\n"
	      "\tcur=${line[last]}\n"
	      "\twords=(\"${line[@]}\")\n",
	      out);
	put_find_command(out, "0", "last");
	fputs("\twords=()\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [[ $cur == --*=* ]]; then\n"
	      "\t\t_kvmmmu_values \"${cur%%=*}\"\n"
	      "\t\tcur=${cur#*=}\n"
	      "\telif ((last)) && [[ ${line[last - 1]} != --color ]] &&\n"
	      "\t\t_kvmmmu_values \"${line[last - 1]}\"; then\n"
	      "\t\t:\n"
	      "\telif [[ $cur == -* ]]; then\n"
	      "\t\t_kvmmmu_takes \"$command\"\n"
	      "\t\twords=($options) files=\n"
	      "\telif [[ -n $command ]]; then\n"
	      "\t\t_kvmmmu_takes \"$command\"\n"
	      "\telif [[ -n $dump ]]; then\n"
	      "\t\twords=($all_commands)\n"
	      "\telse\n"
	      "\t\twords=(live $no_dump) files=1\n"
	      "\tfi\n"
	      "\tfor value in \"${words[@]}\"; do\n"
	      "\t\t[[ $value == \"$cur\"* ]] && COMPREPLY+=(\"$value\")\n"
	      "\tdone\n"
	      "\tif [[ -n $files ]]; then\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\tfi\n"
	      "\t# a word that was split is completed from the last part on\n"
	      "\tif [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
	      "\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"${cur%:*}:\"}\")\n"
	      "\tfi\n"
	      "}\n"
	      "complete -F _kvmmmu kvmmmu\n",
	      out);
}

/* ---- zsh ---- */

/* Text within single quotes. */
static void put_quoted(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	}
}

static void put_zsh_option(FILE *out, const struct km_option *o)
{
	if (o->letter) {
		fprintf(out, " '-%c:", o->letter);
		put_quoted(out, o->text);
		fputc('\'', out);
	}
	fprintf(out, " '--%s:", o->name);
	put_quoted(out, o->text);
	fputc('\'', out);
}

static void put_zsh_options(FILE *out, const struct km_command *command)
{
	const struct km_option *o;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (km_option_is_shown(o, KM_IN_PROGRAM) &&
		    (command ? !o->common && km_command_takes(command, o) : o->common))
			put_zsh_option(out, o);
	}
}

static void put_zsh_commands(FILE *out, bool without_dump)
{
	const struct km_command *command;

	for (size_t i = 0; (command = km_command_at(i)); i++) {
		if (without_dump && command->needs_kernel)
			continue;
		fprintf(out, " '%s:", command->name);
		put_quoted(out, command->purpose);
		fputc('\'', out);
	}
}

void print_zsh_completion(FILE *out)
{
	const struct km_command *command;

	fputs("#compdef kvmmmu\n"
	      "# SPDX-License-Identifier: GPL-2.0-or-later\n"
	      "# zsh completion for kvmmmu; made by \"kvmmmu --print zsh\"\n"
	      "\n"
	      "# Completes the value of option $1; fails for others.\n"
	      "_kvmmmu_value()\n"
	      "{\n"
	      "\tlocal -a words\n"
	      "\tlocal files=\n"
	      "\tcase $1 in\n",
	      out);
	put_values(out);
	fputs("\t*) return 1 ;;\n"
	      "\tesac\n"
	      "\tif [[ -n $files ]]; then\n"
	      "\t\t_files\n"
	      "\telse\n"
	      "\t\tcompadd -a words\n"
	      "\tfi\n"
	      "\treturn 0\n"
	      "}\n"
	      "\n"
	      "_kvmmmu()\n"
	      "{\n"
	      "\tlocal all_commands=\"",
	      out);
	put_command_names(out, false);
	fputs("\" dump= command= i\n"
	      "\tlocal -a options commands\n"
	      "\tlocal files=\n"
	      "\n",
	      out);
	put_find_command(out, "2", "CURRENT");
	fputs("\tif [[ ${words[CURRENT]} == --*=* ]]; then\n"
	      "\t\tlocal option=${words[CURRENT]%%=*}\n"
	      "\t\tcompset -P '*='\n"
	      "\t\t_kvmmmu_value $option\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t[[ ${words[CURRENT - 1]} != --color ]] && _kvmmmu_value ${words[CURRENT - 1]} && "
	      "return\n"
	      "\toptions=(",
	      out);
	put_zsh_options(out, NULL);
	fputs(")\n"
	      "\tcase $command in\n",
	      out);
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		fprintf(out, "\t%s) options+=(", command->name);
		put_zsh_options(out, command);
		fprintf(out, ")%s ;;\n", takes_file(command) ? " files=1" : "");
	}
	fputs("\tesac\n"
	      "\tif [[ ${words[CURRENT]} == -* ]]; then\n"
	      "\t\t_describe -o option options\n"
	      "\telif [[ -n $command ]]; then\n"
	      "\t\t[[ -n $files ]] && _files\n"
	      "\telif [[ -n $dump ]]; then\n"
	      "\t\tcommands=(",
	      out);
	put_zsh_commands(out, false);
	fputs(")\n"
	      "\t\t_describe command commands\n"
	      "\telse\n"
	      "\t\tcommands=('live:The running kernel'",
	      out);
	put_zsh_commands(out, true);
	fputs(")\n"
	      "\t\t_describe command commands\n"
	      "\t\t_files\n"
	      "\tfi\n"
	      "}\n"
	      "\n"
	      "_kvmmmu \"$@\"\n",
	      out);
}
