// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/features.h"

#include <string.h>

#define MAX_NEEDS	 12
#define MAX_ALTERNATIVES 2

/* One of these will do. Members count from 1; 0 ends them. */
struct alternatives {
	unsigned members[MAX_ALTERNATIVES];
	const char *symbols[MAX_ALTERNATIVES];
};

/* KM_M_ and 1 more, for one or two names */
#define ONE(a)			     KM_M_##a + 1
#define TWO(a, b)		     ONE(a), ONE(b)
#define ONE_OR_TWO(a, b, macro, ...) macro
#define ANY(...)                                                                                   \
	{                                                                                          \
		.members = { ONE_OR_TWO(__VA_ARGS__, TWO, ONE)(__VA_ARGS__) }                      \
	}
#define SYMBOL(...)                                                                                \
	{                                                                                          \
		.symbols = { __VA_ARGS__ }                                                         \
	}

static const struct {
	const char *key, *text;
	struct alternatives needs[MAX_NEEDS];
} features[KM_FEATURE_IDS] = {
#define KM_FEATURE(id, text, ...) [KM_F_##id] = {#id, text, {__VA_ARGS__}},
#define KM_PART(type, feature)
#include "kernel/features.def"
#undef KM_FEATURE
#undef KM_PART
};

static const enum km_feature_id feature_of_type[KM_TYPE_IDS] = {
#define KM_FEATURE(id, ...)
#define KM_PART(type, feature) [KM_T_##type] = KM_F_##feature,
#include "kernel/features.def"
#undef KM_FEATURE
#undef KM_PART
};

static const struct {
	enum km_member_id member;
	enum km_feature_id feature;
} details[] = {
#define KM_FEATURE(id, ...)
#define KM_DETAIL(id, feature) {KM_M_##id, KM_F_##feature},
#define KM_PART(type, feature)
#include "kernel/features.def"
#undef KM_FEATURE
#undef KM_PART
};

const char *km_feature_key(enum km_feature_id id)
{
	return features[id].key;
}

const char *km_feature_text(enum km_feature_id id)
{
	return features[id].text;
}

static bool has_one(struct km_layout *layout, km_find_symbol *find, const void *data,
		    const struct alternatives *any)
{
	if (any->symbols[0] && !find)
		return true;
	for (size_t i = 0; i < MAX_ALTERNATIVES; i++) {
		if (any->members[i] && km_has(layout, any->members[i] - 1))
			return true;
		if (any->symbols[i] && find(data, any->symbols[i]))
			return true;
	}
	return false;
}

bool km_feature_need(struct km_layout *layout, km_find_symbol *find, const void *data,
		     enum km_feature_id id, size_t index, struct km_need *need)
{
	const struct alternatives *any = &features[id].needs[index];

	if (index >= MAX_NEEDS || (!any->members[0] && !any->symbols[0]))
		return false;
	need->is_symbol = any->symbols[0];
	need->member = need->is_symbol ? 0 : any->members[0] - 1;
	need->name = need->is_symbol ? any->symbols[0] : km_member_name(need->member);
	need->met = has_one(layout, find, data, any);
	return true;
}

/* The needs of @feature that the member can meet; NULL: none. */
static const struct alternatives *need_of(enum km_feature_id feature, enum km_member_id id)
{
	for (size_t i = 0; i < MAX_NEEDS; i++) {
		for (size_t j = 0; j < MAX_ALTERNATIVES; j++) {
			if (features[feature].needs[i].members[j] == id + 1)
				return &features[feature].needs[i];
		}
	}
	return NULL;
}

enum km_feature_id km_member_feature(enum km_member_id id, bool *needed)
{
	*needed = true;
	for (enum km_feature_id feature = 0; feature < KM_FEATURE_IDS; feature++) {
		if (need_of(feature, id))
			return feature;
	}
	*needed = false;
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		if (details[i].member == id)
			return details[i].feature;
	}
	return feature_of_type[km_member_type(id)];
}

bool km_member_replaced(struct km_layout *layout, enum km_member_id id)
{
	bool needed;
	enum km_feature_id feature = km_member_feature(id, &needed);

	return needed && has_one(layout, NULL, NULL, need_of(feature, id));
}
