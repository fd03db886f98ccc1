/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's messages in the kernel log: SPTEs with reserved bits, hierarchies, WARNs with their
 * registers, and messages about faults. They are passed line by line, from a file or from a dump's
 * log buffer.
 */
#ifndef KVMMMU_LOG_H
#define KVMMMU_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_LOG_ENTRIES	 64
#define KM_LOG_SPTES	 8
#define KM_LOG_REGISTERS 16

enum km_log_kind {
	KM_LOG_MESSAGE,	  /* a message, with its meaning if it is known */
	KM_LOG_HIERARCHY, /* the SPTEs of a walk */
	KM_LOG_SPTE,	  /* one SPTE */
	KM_LOG_CHANGE,	  /* an old and a new SPTE */
	KM_LOG_WARN,	  /* a WARN or BUG of KVM's */
};

struct km_log_spte {
	const char *what; /* "spte", "old_spte", "new_spte" */
	uint64_t value;
	int level; /* 0: not known */
	bool has_rsvd;
	uint64_t rsvd; /* the mask that KVM printed */
};

struct km_log_entry {
	enum km_log_kind kind;
	uint64_t line;	   /* its number, from 1 */
	char stamp[40];	   /* the time as printed, "" if there is none */
	char text[200];	   /* the message, without its stamp */
	const char *means; /* NULL: not known */
	uint64_t repeats;  /* number of messages like it, also with other numbers */
	char function[48]; /* of hierarchies and WARNs, else "" */
	bool has_address;
	uint64_t address; /* GPA or GVA of the access */
	struct km_log_spte sptes[KM_LOG_SPTES];
	size_t spte_count;
	/* of a WARN: the general registers that the log shows, in its order */
	struct km_log_register {
		char name[4];
		uint64_t value;
	} registers[KM_LOG_REGISTERS];
	size_t register_count;
	/* of a VMCS that KVM prints */
	bool has_exit, has_vectoring;
	uint64_t reason, qualification, vectoring;
	bool has_status;
	uint64_t status; /* of the TDX module */
	uint64_t extra;	 /* while reading: QEMU's extra data[3] */
};

struct km_log {
	struct km_log_entry entries[KM_LOG_ENTRIES];
	size_t count;
	uint64_t more;	   /* entries past KM_LOG_ENTRIES */
	uint64_t messages; /* lines with the head of a log, KVM's and others */
	/* while reading */
	struct km_log_entry *open; /* the entry that the next lines may belong to */
	bool in_splat;
};

/*
 * Return where the message of a log line begins: after "[   22.860631] ", "Mar  7 13:38:04 host
 * kernel:
 * ", journalctl's and dmesg -T's forms. NULL if the line has no such head. *@stamp and *@len: the
 * time.
 */
const char *km_log_head(const char *line, const char **stamp, size_t *len);

/* Return where another "[   22.860631] " is in @text, behind its beginning; NULL: nowhere. */
const char *km_log_second_stamp(const char *text);

/* Is @text, which has no head of a log, the beginning of a message of KVM's? */
bool km_log_begins(const char *text);

/*
 * End the last entry. If it shows the same SPTEs at the same address as an earlier one, count it
 * there. Call it after the last line.
 */
void km_log_settle(struct km_log *log);

enum km_log_taken {
	KM_LOG_NOT_KVM, /* not a message of KVM's, or part of a splat */
	KM_LOG_TAKEN,
};

/*
 * Add one message with its @stamp of @len bytes (NULL: none) and line @number. Return
 * KM_LOG_NOT_KVM if it is not a message of KVM's.
 */
enum km_log_taken km_log_line(struct km_log *log, const char *message, const char *stamp,
			      size_t len, uint64_t number);

#endif
