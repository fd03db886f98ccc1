// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare FAULTS...: compare the fast page faults that a kernel recorded (see join) with our rule.
 * Fail if any differs.
 *
 * The rule has the same input as the kernel: error code, old SPTE, its level, dirty logging of the
 * slot, the masks and the permission table. It must have the same result, including the new SPTE.
 * Event and probe read the new SPTE after the change, so another task may have changed it again. A
 * difference is a race only if the recording proves it: the probe read the value of the rule, or
 * shows who changed it to exactly that value.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/fast_page_fault.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PFN_MASK     (((1ull << 52) - 1) & ~0xfffull)
#define SHOWN	     20 /* differences that are printed */

enum outcome { SPURIOUS, FIXED, SLOW, OUTCOMES };

static const char *const outcomes[] = {"spurious", "fixed", "slow"};

struct fault {
	unsigned long count;
	enum outcome outcome;
	uint64_t error_code, old_spte, again, new_spte;
	int level;
	bool logged;
	char meanwhile[8];
};

/* A kind of fault: everything but its page. */
struct tuple {
	uint64_t error_code, bits;
	int level;
	bool logged;
};

struct tally {
	struct km_spte_masks masks;
	uint16_t words[KM_PERM_WORDS];
	bool has_words;
	unsigned long faults, of_outcome[OUTCOMES], of_level[6], races, differences;
	unsigned long of_step[KM_FAST_FIXED + 1];
	struct tuple *tuples;
	size_t tuples_nr;
};

static void fail(const char *file, const char *line)
{
	fprintf(stderr, "%s: not understood: %s\n", file, line);
	exit(2);
}

static void set_mask(struct km_spte_masks *masks, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint64_t *mask;
	} numbers[] = {
		{"shadow_host_writable_mask", &masks->host_writable},
		{"shadow_mmu_writable_mask", &masks->mmu_writable},
		{"shadow_nx_mask", &masks->nx},
		{"shadow_user_mask", &masks->user},
		{"shadow_x_mask", &masks->x},
		{"shadow_xs_mask", &masks->x},
		{"shadow_xu_mask", &masks->xu},
		{"shadow_accessed_mask", &masks->accessed},
		{"shadow_dirty_mask", &masks->dirty},
		{"shadow_present_mask", &masks->present},
		{"shadow_mmio_value", &masks->mmio_value},
		{"shadow_mmio_mask", &masks->mmio_mask},
		{"shadow_mmio_access_mask", &masks->mmio_access},
		{"shadow_me_value", &masks->me_value},
		{"shadow_me_mask", &masks->me_mask},
		{"shadow_acc_track_mask", &masks->acc_track},
		{"shadow_nonpresent_or_rsvd_mask", &masks->nonpresent_or_rsvd},
	};
	uint64_t number = strtoull(value, NULL, 0);

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (!strcmp(name, numbers[i].name))
			*numbers[i].mask = number;
	if (!strcmp(name, "kvm_ad_enabled"))
		masks->ad_enabled = number;
	if (!strcmp(name, "enable_mmio_caching"))
		masks->mmio_caching = number;
	if (!strcmp(name, "paging"))
		masks->paging = !strcmp(value, "ept")	? KM_PAGING_EPT
				: !strcmp(value, "npt") ? KM_PAGING_NPT
							: KM_PAGING_SHADOW;
	for (int i = 0; !strcmp(name, "software_bits") && i < KM_SPTE_GENERATIONS; i++)
		if (!strcmp(value, km_spte_layouts[i].name))
			masks->layout = &km_spte_layouts[i];
	if (masks->layout)
		masks->accessed_always = masks->layout->xs_xu;
}

static void read_masks(struct tally *tally, char *line)
{
	char *save, *name, *value;

	memset(&tally->masks, 0, sizeof(tally->masks));
	tally->masks.base_addr_mask = PFN_MASK;
	tally->has_words = false;
	strtok_r(line, " \n", &save);
	while ((name = strtok_r(NULL, " \n", &save)) && (value = strtok_r(NULL, " \n", &save)))
		set_mask(&tally->masks, name, value);
}

static void read_words(struct tally *tally, const char *file, char *line)
{
	char *save, *word;
	int i = 0;

	strtok_r(line, " \n", &save);
	while (i < KM_PERM_WORDS && (word = strtok_r(NULL, " \n", &save)))
		tally->words[i++] = strtoul(word, NULL, 16);
	if (i != KM_PERM_WORDS)
		fail(file, "words");
	tally->has_words = true;
}

static bool read_fault(const char *line, struct fault *fault)
{
	char outcome[16];
	int logged;

	if (sscanf(line, "fault %lu %15s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %d %d %7s",
		   &fault->count, outcome, &fault->error_code, &fault->old_spte, &fault->again,
		   &fault->new_spte, &fault->level, &logged, fault->meanwhile) != 9)
		return false;
	fault->logged = logged;
	for (fault->outcome = 0; fault->outcome < OUTCOMES; fault->outcome++)
		if (!strcmp(outcome, outcomes[fault->outcome]))
			return fault->level >= 0 && fault->level <= 5;
	return false;
}

static enum outcome outcome_of(enum km_ret_pf ret)
{
	return ret == KM_RET_PF_SPURIOUS  ? SPURIOUS
	       : ret == KM_RET_PF_FIXED	  ? FIXED
	       : ret == KM_RET_PF_INVALID ? SLOW
					  : OUTCOMES;
}

/* Does the recording prove that another task changed the rule's SPTE to @new_spte? */
static bool race(const struct tally *tally, const struct fault *fault, uint64_t expected)
{
	uint64_t left = fault->old_spte | (fault->outcome == FIXED ? KM_BIT(1) : 0);

	/* a frozen SPTE is about to be changed, and the fault itself does not freeze it */
	if (km_is_frozen_spte(&tally->masks, fault->old_spte) ||
	    km_is_frozen_spte(&tally->masks, fault->new_spte))
		return true;
	if (fault->again == expected || strchr(fault->meanwhile, 'c'))
		return true;
	if (strchr(fault->meanwhile, 'a') && left == expected)
		return true;
	if (strchr(fault->meanwhile, 'p') && fault->new_spte == (expected & ~KM_BIT(1)))
		return true;
	return strchr(fault->meanwhile, 'z') &&
	       !km_is_shadow_present_pte(&tally->masks, fault->new_spte);
}

static void count_tuple(struct tally *tally, const struct fault *fault)
{
	struct tuple tuple;

	memset(&tuple, 0, sizeof(tuple));
	tuple.error_code = fault->error_code;
	tuple.bits = fault->old_spte & ~PFN_MASK;
	tuple.level = fault->level;
	tuple.logged = fault->logged;
	for (size_t i = 0; i < tally->tuples_nr; i++)
		if (!memcmp(&tally->tuples[i], &tuple, sizeof(tuple)))
			return;
	tally->tuples = realloc(tally->tuples, (tally->tuples_nr + 1) * sizeof(tuple));
	if (!tally->tuples)
		exit(2);
	tally->tuples[tally->tuples_nr++] = tuple;
}

static void compare(struct tally *tally, const char *file, const struct fault *fault)
{
	struct km_fast_page_fault_in in = {
		.masks = &tally->masks,
		.words = tally->has_words ? tally->words : NULL,
		.form = KM_SPF_MERGED,
		.error_code = fault->error_code,
		.spte = fault->old_spte,
		.level = fault->level,
		.dirty_logged = fault->logged,
	};
	struct km_fast_page_fault ours = km_fast_page_fault(&in);
	/* without the level of a present entry, the rule is not tested */
	bool blind = !fault->level && km_is_shadow_present_pte(&tally->masks, fault->old_spte);
	bool agreed = !blind && ours.tried && outcome_of(ours.ret) == fault->outcome;

	tally->faults += fault->count;
	tally->of_outcome[fault->outcome] += fault->count;
	tally->of_level[fault->level] += fault->count;
	tally->of_step[ours.step] += fault->count;
	count_tuple(tally, fault);
	if (agreed && fault->new_spte == ours.new_spte)
		return;
	if (agreed && race(tally, fault, ours.new_spte)) {
		tally->races += fault->count;
		return;
	}
	tally->differences += fault->count;
	if (tally->differences <= SHOWN)
		printf("%s: %lu times: error code %#" PRIx64 " SPTE %#" PRIx64
		       " level %d%s: the kernel: %s, %#" PRIx64 " (before: %#" PRIx64
		       ", meanwhile: %s); the rule: %s, %#" PRIx64 " (%s)\n",
		       file, fault->count, fault->error_code, fault->old_spte, fault->level,
		       fault->logged ? " logged" : "", outcomes[fault->outcome], fault->new_spte,
		       fault->again, fault->meanwhile, km_ret_pf_name(ours.ret), ours.new_spte,
		       km_fast_step_text(ours.step));
}

static void read_file(struct tally *tally, const char *name)
{
	char line[4096];
	FILE *file = fopen(name, "r");
	struct fault fault;

	if (!file) {
		perror(name);
		exit(2);
	}
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#')
			continue;
		if (!strncmp(line, "masks ", 6))
			read_masks(tally, line);
		else if (!strncmp(line, "words ", 6))
			read_words(tally, name, line);
		else if (tally->masks.layout && read_fault(line, &fault))
			compare(tally, name, &fault);
		else
			fail(name, line);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	struct tally tally = {0};

	for (int i = 1; i < argc; i++)
		read_file(&tally, argv[i]);
	printf("%lu faults, %zu distinct (error code, SPTE bits, level, dirty-logged)\n",
	       tally.faults, tally.tuples_nr);
	for (int i = 0; i < OUTCOMES; i++)
		printf("%s %lu\n", outcomes[i], tally.of_outcome[i]);
	for (int i = 0; i < (int)COUNT(tally.of_level); i++)
		if (tally.of_level[i])
			printf("level %d: %lu\n", i, tally.of_level[i]);
	for (int i = 0; i < (int)COUNT(tally.of_step); i++)
		if (tally.of_step[i])
			printf("step %lu: %s\n", tally.of_step[i], km_fast_step_text(i));
	printf("races %lu\ndifferences %lu\n", tally.races, tally.differences);
	free(tally.tuples);
	return tally.differences || !tally.faults;
}
