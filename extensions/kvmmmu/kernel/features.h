/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program can and cannot read of a kernel, according to the members and symbols that it
 * has.
 */
#ifndef KVMMMU_FEATURES_H
#define KVMMMU_FEATURES_H

#include "kernel/layout.h"

enum km_feature_id {
#define KM_FEATURE(id, ...) KM_F_##id,
#define KM_PART(type, feature)
#include "kernel/features.def"
#undef KM_FEATURE
#undef KM_PART
	KM_FEATURE_IDS,
};

/* Find a symbol. Return false if there is none. */
typedef bool km_find_symbol(const void *data, const char *name);

/* One need of a feature. */
struct km_need {
	const char *name; /* of the member or symbol; the newest, if one of several will do */
	bool is_symbol;
	bool met;
	enum km_member_id member; /* of @name, if it is not a symbol */
};

/* Return "vms" and "VMs and vCPUs". */
const char *km_feature_key(enum km_feature_id id);
const char *km_feature_text(enum km_feature_id id);

/*
 * Get need @index of feature @id; return false past the last. @find may be NULL: symbols are not
 * known, and count as met.
 */
bool km_feature_need(struct km_layout *layout, km_find_symbol *find, const void *data,
		     enum km_feature_id id, size_t index, struct km_need *need);

/* Return the feature that needs the member, else the one that it adds details to. */
enum km_feature_id km_member_feature(enum km_member_id id, bool *needed);

/* Is there this member, or another that serves the same purpose? */
bool km_member_replaced(struct km_layout *layout, enum km_member_id id);

#endif
