// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu spte, kvmmmu pfec: numbers from logs and traces, decoded. */
#include "command_context.h"

#include <inttypes.h>
#include <string.h>

km_error *km_parse_format(const char *as, struct km_spte_masks *masks)
{
	static const struct {
		const char *name;
		enum km_paging paging;
	} pagings[] = {
		{"ept", KM_PAGING_EPT}, {"npt", KM_PAGING_NPT}, {"shadow", KM_PAGING_SHADOW}};
	static const struct {
		const char *name;
		enum km_spte_generation generation;
	} generations[] = {{"6.1", KM_SPTE_6_1},
			   {"6.12", KM_SPTE_6_1},
			   {"7.2", KM_SPTE_7_2},
			   {"7.3", KM_SPTE_7_2}};
	const char *colon = strchr(as, ':');
	size_t len = colon ? (size_t)(colon - as) : strlen(as);
	enum km_spte_generation generation = KM_SPTE_7_2;
	bool known = !colon;

	for (size_t i = 0; colon && i < sizeof(generations) / sizeof(generations[0]); i++) {
		if (!strcmp(colon + 1, generations[i].name)) {
			generation = generations[i].generation;
			known = true;
		}
	}
	for (size_t i = 0; known && i < sizeof(pagings) / sizeof(pagings[0]); i++) {
		if (len == strlen(pagings[i].name) && !strncmp(as, pagings[i].name, len)) {
			*masks = km_spte_default_masks(pagings[i].paging, generation);
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE,
			 "format \"%s\": ept, npt or shadow, and maybe :6.1, :6.12, :7.2 or :7.3",
			 as);
}

km_error *km_command_spte(struct km_command_context *ctx)
{
	struct km_spte_masks masks;
	struct km_spte spte;
	uint64_t value;
	km_error *err = km_parse_hex(ctx->argv[0], "SPTE", &value);

	if (err)
		return err;
	if (ctx->options.as)
		err = km_parse_format(ctx->options.as, &masks);
	else if (!ctx->kernel)
		err = km_errorf(KM_EUSAGE, "without a dump say --as ept, npt or shadow");
	else if (!ctx->kernel->features.spte_known)
		err = km_errorf(KM_EABSENT, "the SPTE masks of this kernel are not known");
	else
		masks = ctx->kernel->masks;
	if (err)
		return err;
	spte = km_spte_decode(&masks, value, ctx->options.level ? ctx->options.level : 1);
	km_field(ctx->root, "masks_of", NULL,
		 km_v_text(ctx->options.as ? ctx->options.as : "dump"));
	km_describe_spte(ctx->root, &masks, &spte);
	return NULL;
}

km_error *km_command_pfec(struct km_command_context *ctx)
{
	size_t count;
	const struct km_bit_name *names = km_pferr_names(&count);
	struct km_node *table;
	char spelled[128];
	uint64_t value, known = 0, index;
	struct km_spte_masks masks;
	km_error *err = km_parse_hex(ctx->argv[0], "error code", &value);

	if (!err && ctx->options.as)
		err = km_parse_format(ctx->options.as, &masks);
	if (err)
		return err;
	km_field(ctx->root, "value", NULL, km_v_hex(value));
	km_field(ctx->root, "spelled", km_text(ctx->root, "0x%" PRIx64, value),
		 km_v_text(km_text(ctx->root, "%s",
				   km_pferr_spell(value, spelled, sizeof(spelled)))));
	table = km_table(ctx->root, "bits", NULL);
	km_column(table, "name", "", false);
	km_column(table, "mask", "", false);
	km_column(table, "text", "", false);
	for (size_t i = 0; i < count; i++) {
		struct km_node *row;

		known |= names[i].mask;
		if (!(value & names[i].mask))
			continue;
		row = km_row(table);
		km_cell(row, km_v_text(names[i].name));
		km_cell(row, km_v_hex(names[i].mask));
		km_cell(row, km_v_text(names[i].text));
	}
	if (value & ~known)
		km_note(ctx->root, "bits 0x%" PRIx64 " have no name", value & ~known);
	index = (value & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK)) >> 1;
	km_field(ctx->root, "permissions_index", NULL, km_v_dec(index));
	km_note(ctx->root, "spte_permission_fault() looks it up in permissions[%" PRIu64 "]",
		index);
	return NULL;
}
