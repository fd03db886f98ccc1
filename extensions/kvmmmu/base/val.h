/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A number read from the target, or the reason why there is none. */
#ifndef KVMMMU_VAL_H
#define KVMMMU_VAL_H

#include <stdbool.h>
#include <stdint.h>

enum km_known {
	KM_KNOWN,
	KM_UNREADABLE, /* the page is not in the dump */
	KM_ABSENT,     /* this kernel has no such member */
};

/* @v is 0 unless @known is KM_KNOWN. */
struct km_val {
	uint64_t v;
	enum km_known known;
	bool corrupted; /* KM_UNREADABLE because no such value is possible */
};

static inline bool km_is_known(struct km_val val)
{
	return val.known == KM_KNOWN;
}

static inline struct km_val km_known_val(uint64_t v)
{
	return (struct km_val){.v = v, .known = KM_KNOWN};
}

/* Room for "0x" and 16 digits. */
#define KM_VAL_TEXT 24

/* Write "18" or, with @hex, "0x12" to @buf, "?" if the value is not known. Return @buf. */
const char *km_val_spell(struct km_val val, bool hex, char buf[KM_VAL_TEXT]);

#endif
