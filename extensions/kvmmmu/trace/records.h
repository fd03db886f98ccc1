/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs as records: in JSON ("journalctl -o json", json-pretty, json-seq and json-sse, "dmesg
 * --json", containers), as fields ("journalctl -o verbose", export), and as /dev/kmsg and
 * netconsole have them. Each message becomes the line that dmesg prints of it.
 */
#ifndef KVMMMU_RECORDS_H
#define KVMMMU_RECORDS_H

#include "trace/lines.h"

struct json_object;
struct json_tokener;

#define KM_RECORDS_QUEUE (4 * KM_LINE_ROOM)

struct km_records {
	char date[40];		      /* of the record of fields, as a stamp; "" if not known */
	struct json_tokener *tokener; /* of the object that is not complete yet; NULL: none */
	struct km_line first;	      /* the line that it begins on */
	struct km_line last;	      /* the last line of it so far */
	size_t fed;		      /* bytes of it */
	uint64_t object_lines;	      /* lines of the file with a part of it */
	/* messages that wait, each ends with a line feed */
	char queue[KM_RECORDS_QUEUE];
	size_t at, end;
	uint64_t odd; /* lines that are records, but no message; see km_records_take_odd() */
	struct km_line first_odd;
};

void km_records_init(struct km_records *records);
void km_records_deinit(struct km_records *records);

/*
 * Take the next line of the file. Return false if others have to read it: it is not part of a
 * record, or is a whole one and now reads as dmesg prints it.
 */
bool km_records_add(struct km_records *records, struct km_line *line);

/* Put the next message that the lines so far contain into @line. Return false if there is none. */
bool km_records_next(struct km_records *records, struct km_line *line);

/*
 * Return the number of lines since the last call that km_records_add() took and that are no
 * message; @first: the first of them.
 */
uint64_t km_records_take_odd(struct km_records *records, struct km_line *first);

/* The file ends: an object that is not complete is odd. */
void km_records_end(struct km_records *records);

#endif
