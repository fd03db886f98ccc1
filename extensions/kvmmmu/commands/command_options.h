/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command line: options and numbers. */
#ifndef KVMMMU_COMMAND_OPTIONS_H
#define KVMMMU_COMMAND_OPTIONS_H

#include "error.h"
#include "kernel.h"

#include <stdbool.h>
#include <stdint.h>

#define KM_MAX_BYTES (1ULL << 57) /* no table maps more */

struct km_command_options {
	bool json;
	bool v1;
	bool trace;
	uint64_t watch; /* times to stop and look; 0: not given */
	bool has_addr, has_error_code;
	uint64_t addr, error_code;
	int level;	 /* 0: not given */
	const char *mmu; /* context by name, NULL: the active one */
	const char *as;	 /* "ept", "npt:6.1", ...; NULL: as the dump */
	enum km_types_source types;
	const char *debug;	   /* where debuginfo is, or NULL */
	const char *output, *list; /* capsules to write, to list; or NULL */
	bool names;		   /* process names go into the capsule */
	uint64_t limit;		   /* page-table pages in it, or read, at most; 0: not given */
	uint64_t bytes;		   /* of a range; 0: not given */
};

/*
 * Reads the options among @argv, whose first word is the command's name and is passed over; what is
 * no option is moved behind, from @argv[*used] on. @known: the letters of those that the command
 * takes beside -j, -k and --types. KM_EUSAGE.
 */
km_error *km_command_options_parse(const char *known, int argc, char **argv,
				   struct km_command_options *options, int *used);

/* A hexadecimal number, "0x" or not, as crash users write addresses. KM_EUSAGE names @what. */
km_error *km_parse_hex(const char *word, const char *what, uint64_t *value);

/* Up to nine decimal digits, and nothing else. */
bool km_parse_decimal(const char *word, uint64_t *value);

#endif
