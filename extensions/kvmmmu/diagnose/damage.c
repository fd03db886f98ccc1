// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/damage.h"

static const struct km_perm_table *damaged_table(const struct km_case *c)
{
	const struct km_perm_table *asked = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;

	if (asked && asked->status == KM_TABLE_DIFFERS)
		return asked;
	for (size_t i = 0; i < c->all.table_count; i++) {
		if (c->all.tables[i].status == KM_TABLE_DIFFERS)
			return &c->all.tables[i];
	}
	return NULL;
}

/* Count the bytes that are 0. Return false if they are not readable. */
static bool count_zero(const struct km_case *c, uint64_t addr, unsigned *zero)
{
	unsigned char bytes[KM_NEIGHBOURS];
	bool before = km_memory_optional(c->kernel->mem, true);
	km_scoped_error *err = km_read_virt_as(c->kernel->mem, addr, bytes, sizeof(bytes),
					       "bytes beside permissions[]");

	km_memory_optional(c->kernel->mem, before);
	for (size_t i = 0; !err && i < sizeof(bytes); i++)
		*zero += !bytes[i];
	return !err;
}

static void compare_word(uint16_t word, uint16_t expected, struct km_damage *d)
{
	uint16_t wrong = word ^ expected;

	d->words += wrong != 0;
	d->bytes += (wrong & 0xff) != 0;
	d->bytes += (wrong >> 8) != 0;
	d->bits += (unsigned)__builtin_popcount(wrong);
}

struct km_damage km_damage_read(const struct km_case *c)
{
	struct km_damage d = {.table = damaged_table(c)};
	bool zero = true;

	if (!d.table)
		return d;
	for (unsigned i = 0; i < KM_PERM_WORDS; i++) {
		compare_word(d.table->words[i], d.table->expected[i], &d);
		zero &= !d.table->words[i];
	}
	d.pattern = zero ? KM_DAMAGE_ZERO : d.bits == 1 ? KM_DAMAGE_ONE_BIT : KM_DAMAGE_OTHER;
	d.size = KM_PERM_WORDS * (c->kernel->features.acc == KM_ACC_RWUX ? 2 : 1);
	d.before_known = count_zero(c, d.table->addr - KM_NEIGHBOURS, &d.before_zero);
	d.after_known = count_zero(c, d.table->addr + d.size, &d.after_zero);
	return d;
}

const char *km_damage_pattern_text(enum km_damage_pattern pattern)
{
	static const char *const texts[] = {
		[KM_DAMAGE_ZERO] = "every byte of the table is zero: it was never filled, was "
				   "filled from an empty role, or was cleared",
		[KM_DAMAGE_ONE_BIT] =
			"one bit is wrong: a memory error, or one stray bit operation",
		[KM_DAMAGE_OTHER] =
			"neither all zero nor a single bit: a stray write, or the table "
			"of another role",
	};

	return texts[pattern];
}
