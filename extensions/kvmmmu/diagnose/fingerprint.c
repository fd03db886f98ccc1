// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/fingerprint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAMES 3 /* of a thread that sleeps */

__attribute__((format(printf, 2, 3))) static void add(char buf[KM_FINGERPRINT], const char *fmt,
						      ...)
{
	size_t len = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + len, KM_FINGERPRINT - len, fmt, args);
	va_end(args);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Findings that explain why it is stuck; if there are none, all that are more than a note. */
static size_t find_causes(const struct km_explanation *e, const char *ids[KM_DIAGNOSES])
{
	size_t count = 0;
	bool explained;

	for (size_t i = 0; i < e->count; i++) {
		if (km_explains(&e->found[i]))
			ids[count++] = e->found[i].id;
	}
	explained = count;
	for (size_t i = 0; !explained && i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			ids[count++] = e->found[i].id;
	}
	qsort(ids, count, sizeof(*ids), by_name);
	return count;
}

static const char *paging_word(const struct km_mmu *mmu)
{
	static const char *const words[] = {
		[KM_PAGING_EPT] = "ept", [KM_PAGING_NPT] = "npt", [KM_PAGING_SHADOW] = "shadow"};

	return mmu ? words[mmu->paging] : "-";
}

/* Functions of the scheduler are the same wherever a thread sleeps. */
static bool is_scheduler(const char *function)
{
	static const char *const prefixes[] = {"__schedule", "schedule", "context_switch"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	return false;
}

/* The innermost functions of a thread that sleeps, without suffixes of the compiler. */
static void add_frames(const struct km_stack *stack, char buf[KM_FINGERPRINT])
{
	unsigned shown = 0;

	for (size_t i = 0; i < stack->count && shown < FRAMES; i++) {
		const char *function = stack->frames[i].function;

		if (!stack->frames[i].sure || !*function || is_scheduler(function))
			continue;
		add(buf, "%s%.*s", shown++ ? "<" : " ", (int)strcspn(function, "."), function);
	}
}

static bool sleeps(const struct km_case *c)
{
	switch (c->wait.kind) {
	case KM_WAIT_USERFAULT:
	case KM_WAIT_PAGE:
	case KM_WAIT_LOCK:
	case KM_WAIT_SRCU:
	case KM_WAIT_OTHER:
		return true;
	case KM_WAIT_NONE:
	case KM_WAIT_HALT:
	case KM_WAIT_APF:
	case KM_WAIT_USERSPACE:
	case KM_WAIT_UNKNOWN:
		break;
	}
	return false;
}

static const char *result_word(enum km_ret_pf ret)
{
	if (ret == KM_RET_PF_EXIT)
		return "exit";
	return ret == KM_RET_PF_UNKNOWN ? "unknown" : km_ret_pf_name(ret);
}

char *km_fingerprint(const struct km_case *c, const struct km_explanation *e,
		     char buf[KM_FINGERPRINT])
{
	const char *ids[KM_DIAGNOSES], *vendor = km_vendor_name(c->kernel->vendor);
	size_t count = find_causes(e, ids);

	buf[0] = '\0';
	if (!count)
		return buf;
	add(buf, "kvmmmu-1 %s %s ", vendor ? vendor : "-", paging_word(c->mmu));
	for (size_t i = 0; i < count; i++)
		add(buf, "%s%s", i ? "," : "", ids[i]);
	if (sleeps(c) && c->last.has_stack)
		add_frames(&c->last.stack, buf);
	else if (c->has_path && c->path.end)
		add(buf, " %s:%s", c->path.end->function, result_word(c->path.ret));
	return buf;
}
