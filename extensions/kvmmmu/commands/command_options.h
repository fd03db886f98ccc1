/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a command as values, and the numbers in them. */
#ifndef KVMMMU_COMMAND_OPTIONS_H
#define KVMMMU_COMMAND_OPTIONS_H

#include "base/certainty.h"
#include "base/error.h"
#include "commands/front_end.h"
#include "document/render.h"
#include "kernel/kernel.h"

#include <stdbool.h>
#include <stdint.h>

#define KM_MAX_BYTES (1ULL << 57) /* no table maps more */

/* What was given on a command line; all zeros is nothing. */
struct km_command_options {
	enum km_format format; /* of the answer */
	bool has_format;       /* it was given */
	bool redact;	       /* replace what must not be given away */
	bool ascii;	       /* no other characters in text */
	uint64_t width;	       /* columns of text; 0: not given */
	bool v1;
	bool trace;
	uint64_t watch; /* samples, at least 2; 0: not given */
	bool has_addr, has_error_code;
	uint64_t addr, error_code;
	int level;	    /* 0: not given */
	const char *mmu;    /* context by name, NULL: the active one */
	const char *before; /* a dump, capsule or answer of the same boot; NULL: none */
	const char *after;  /* an answer in JSON instead of the dump to compare; NULL: none */
	const char *as;	    /* "ept", "npt:6.1", ...; NULL: as the dump */
	enum km_types_source types;
	const char *debug;	   /* where debuginfo is, or NULL */
	const char *output, *list; /* capsules to write, to list; or NULL */
	bool force;		   /* overwrite an existing output file */
	bool names;		   /* process names go into the capsule */
	uint64_t limit;		   /* page-table pages in it, or read, at most; 0: not given */
	uint64_t bytes;		   /* of a range; 0: not given */
	bool gva;		   /* walk the guest's page tables first */
	bool has_cr3;		   /* of the guest */
	uint64_t cr3;
	const char *states; /* of vCPUs to show, with commas between them; NULL: all */
	const char *kinds;  /* of an audit, with commas between them; NULL: all */
	bool help;

	/* of the program alone */
	const char *color;	   /* "auto", "always", "never", or NULL */
	bool fail;		   /* exit with KM_EXIT_FINDINGS for a finding ... */
	enum km_certainty fail_on; /* ... that is at least this certain */
	bool version;
	bool no_cache;	       /* keep nothing about the dump, and use nothing that was kept */
	uint64_t time_limit;   /* seconds for each file; 0: not given */
	uint64_t memory_limit; /* bytes; 0: not given */
	const char *print;     /* the text to print: manual, completion; or NULL */
};

/* A hexadecimal number, "0x" or not, as crash users write addresses. KM_EUSAGE names @what. */
km_error *km_parse_hex(const char *word, const char *what, uint64_t *value);

/* Up to nine decimal digits, and nothing else. */
bool km_parse_decimal(const char *word, uint64_t *value);

#endif
