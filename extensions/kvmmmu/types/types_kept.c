// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/types_kept.h"

#include "base/memo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 256 /* longer questions are not kept */

struct kept {
	struct km_types types;
	struct km_memo *memo;
	char *name;
	struct km_types_opener *opener;
	struct km_types *source; /* NULL: it is not open */
};

/* In the memo, an answer begins with one of these. */
enum { ANSWER = 'a', ABSENT = 'n' }; /* the value; the text of KM_EABSENT */

static const struct km_types_ops kept_ops;

static struct kept *kept_of(struct km_types *types)
{
	return (struct kept *)types;
}

km_error *km_types_kept_source(struct km_types *types, struct km_types **source)
{
	struct kept *kept = kept_of(types);
	km_error *err = NULL;

	if (types->ops != &kept_ops) {
		*source = types;
		return NULL;
	}
	if (!kept->source)
		err = kept->opener->open(kept->opener, &kept->source);
	*source = kept->source;
	return err;
}

/* ---- answers in the memo ---- */

/* A question about types, whose answer is @size bytes at @answer. */
struct question {
	const char *what, *tag, *name; /* what is kept of it; they differ if the question does */
	void *answer;
	size_t size;
	km_error *(*ask)(struct km_types *source, const struct question *q);
};

/* Write the key of the question. Return false if it is too long. */
static bool make_key(const struct kept *kept, const struct question *q, char key[KEY_SIZE])
{
	return snprintf(key, KEY_SIZE, "%s %s %s %s", q->what, kept->name, q->tag ? q->tag : "",
			q->name) < KEY_SIZE;
}

/* Is the answer kept? If so, it is an error, or copied to @q->answer. */
static bool is_kept(const struct kept *kept, const char *key, const struct question *q,
		    km_error **err)
{
	size_t len;
	const char *answer = km_memo_get(kept->memo, key, &len);

	*err = NULL;
	if (answer && len == 1 + q->size && *answer == ANSWER) {
		memcpy(q->answer, answer + 1, q->size);
		return true;
	}
	if (!answer || !len || *answer != ABSENT)
		return false;
	*err = km_errorf(KM_EABSENT, "%.*s", (int)(len - 1), answer + 1);
	return true;
}

/* Keep an answer, and return @err. Other errors than absence may not be there the next time. */
static km_error *keep(const struct kept *kept, const char *key, const struct question *q,
		      km_error *err)
{
	char answer[KEY_SIZE + 1];
	const char *text = err ? km_error_text(err) : NULL;
	size_t len = err ? strlen(text) : q->size;

	if ((err && km_error_code(err) != KM_EABSENT) || len > KEY_SIZE)
		return err;
	answer[0] = err ? ABSENT : ANSWER;
	memcpy(answer + 1, err ? text : q->answer, len);
	km_memo_put(kept->memo, key, answer, 1 + len);
	return err;
}

/* Answer from the memo; otherwise from the source, and keep what it says. */
static km_error *answer(struct km_types *types, const struct question *q)
{
	struct kept *kept = kept_of(types);
	struct km_types *source;
	char key[KEY_SIZE];
	bool fits = make_key(kept, q, key);
	km_error *err;

	if (fits && is_kept(kept, key, q, &err))
		return err;
	err = km_types_kept_source(types, &source);
	if (err)
		return err;
	err = q->ask(source, q);
	return fits ? keep(kept, key, q, err) : err;
}

/* ---- questions ---- */

static km_error *ask_size(struct km_types *source, const struct question *q)
{
	return km_types_sizeof(source, q->tag, q->answer);
}

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	return answer(types, &(struct question){"sizeof", tag, "", size, sizeof(*size), ask_size});
}

static km_error *ask_member(struct km_types *source, const struct question *q)
{
	return km_types_member(source, q->tag, q->name, q->answer);
}

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *member)
{
	return answer(types,
		      &(struct question){"member", tag, path, member, sizeof(*member), ask_member});
}

static km_error *ask_enumerator(struct km_types *source, const struct question *q)
{
	return km_types_enumerator(source, q->tag, q->name, q->answer);
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	return answer(types, &(struct question){"enumerator", tag, name, value, sizeof(*value),
						ask_enumerator});
}

struct parameter {
	uint32_t size, is_signed;
};

static km_error *ask_parameter(struct km_types *source, const struct question *q)
{
	struct parameter *p = q->answer;
	bool is_signed = false;
	km_error *err = km_types_parameter(source, q->tag, q->name, &p->size, &is_signed);

	p->is_signed = is_signed;
	return err;
}

static km_error *parameter(struct km_types *types, const char *function, const char *param,
			   uint32_t *size, bool *is_signed)
{
	struct parameter p = {0};
	km_error *err = answer(types, &(struct question){"parameter", function, param, &p,
							 sizeof(p), ask_parameter});

	if (err)
		return err;
	*size = p.size;
	*is_signed = p.is_signed;
	return NULL;
}

static km_error *copy(struct km_types *types, const char *tag, struct km_closure *closure)
{
	struct km_types *source;
	km_error *err = km_types_kept_source(types, &source);

	return err ? err : km_types_copy(source, tag, closure);
}

static void copied(struct km_types *types)
{
	struct kept *kept = kept_of(types);

	if (kept->source)
		km_types_copied(kept->source);
}

static void kept_free(struct km_types *types)
{
	struct kept *kept = kept_of(types);

	km_types_free(kept->source);
	kept->opener->free(kept->opener);
	free(kept->name);
	free(types->origin);
	free(kept);
}

static const struct km_types_ops kept_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.copy = copy,
	.copied = copied,
	.parameter = parameter,
	.free = kept_free,
};

/* Open the source if the memo does not have that it was opened before. */
static km_error *open_once(struct kept *kept)
{
	const struct question q = {.what = "types", .name = ""};
	struct km_types *source;
	char key[KEY_SIZE];
	size_t len;
	km_error *err;

	if (!make_key(kept, &q, key) || km_memo_get(kept->memo, key, &len))
		return NULL;
	err = km_types_kept_source(&kept->types, &source);
	if (!err)
		km_memo_put(kept->memo, key, "", 0);
	return err;
}

km_error *km_types_kept(struct km_memo *memo, const char *name, const char *origin,
			struct km_types_opener *opener, struct km_types **types)
{
	struct kept *kept = calloc(1, sizeof(*kept));
	km_error *err;

	if (!kept) {
		opener->free(opener);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	*kept = (struct kept){
		.types = {.ops = &kept_ops, .origin = strdup(origin)},
		.memo = memo,
		.name = strdup(name),
		.opener = opener,
	};
	err = kept->name && kept->types.origin ? open_once(kept)
					       : km_errorf(KM_ENOMEM, "out of memory");
	if (err)
		kept_free(&kept->types);
	else
		*types = &kept->types;
	return err;
}
