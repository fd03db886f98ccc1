// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/function_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The longest text that is renamed in place. */
#define KM_NAMED_TEXT 256

/* The age of a kernel, by what it lacks: it has backports, so a version would not tell. */
enum age {
	KM_BEFORE_5_12,
	KM_BEFORE_5_16,
	KM_BEFORE_5_19,
	KM_BEFORE_6_3,
	KM_BEFORE_6_8,
	KM_BEFORE_6_13,
	KM_BEFORE_7_3,
	KM_OF_TODAY,
};

static const struct {
	const char *today;
	enum age last;
	const char *older;
} names[] = {
#define KM_OLD_NAME(...) {__VA_ARGS__},
#include "kernel/function_names.def"
#undef KM_OLD_NAME
};

static enum age age_of(const struct km_features *f)
{
	const bool has_age[] = {
		[KM_BEFORE_5_12] = f->invalidate_all,
		[KM_BEFORE_5_16] = f->ignores_obsolete,
		[KM_BEFORE_5_19] = f->old_requests,
		[KM_BEFORE_6_3] = f->local_mmu_seq,
		[KM_BEFORE_6_8] = !f->invalidate_gfns,
		[KM_BEFORE_6_13] = f->kvm_faultin_pfn,
		[KM_BEFORE_7_3] = true,
	};
	enum age age = KM_BEFORE_5_12;

	/* a capsule may lack symbols that tell the others */
	if (f->spte_table)
		return KM_OF_TODAY;
	while (!has_age[age])
		age++;
	return age;
}

/* Return the older name of the @len bytes at @name; NULL: there is none. */
static const char *older_name(enum age age, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].today) == len && !memcmp(names[i].today, name, len) &&
		    age <= names[i].last)
			return names[i].older;
	}
	return NULL;
}

const char *km_function_name(const struct km_kernel *kernel, const char *today)
{
	const char *older = older_name(age_of(&kernel->features), today, strlen(today));

	return older ? older : today;
}

static size_t word_length(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	return len;
}

char *km_function_names(const struct km_kernel *kernel, const char *text, char *buf, size_t size)
{
	enum age age = age_of(&kernel->features);
	size_t at = 0;

	buf[0] = '\0';
	while (*text && at < size - 1) {
		size_t len = word_length(text);
		const char *older = len ? older_name(age, text, len) : NULL;

		len = len ? len : 1;
		at += (size_t)snprintf(buf + at, size - at, "%.*s",
				       older ? (int)strlen(older) : (int)len, older ? older : text);
		text += len;
	}
	return buf;
}

void km_rename_functions(const struct km_kernel *kernel, char *text, size_t size)
{
	char before[KM_NAMED_TEXT];

	if (age_of(&kernel->features) == KM_OF_TODAY)
		return;
	if (size > sizeof(before))
		size = sizeof(before);
	snprintf(before, size, "%s", text);
	km_function_names(kernel, before, text, size);
}
