// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lose random pages of those that the diagnosis reads, as a dump level that drops too much does,
 * and compare what is said with what the whole dump says:
 *
 *	lost DUMP ROUNDS ONE-IN [SEED]
 *
 * Each page is lost with a probability of one in ONE-IN. "WRONG ..." is printed, and the exit code
 * is 1, if a vCPU that is stuck becomes healthy or progressing with more certainty than "possible",
 * or if a contradiction, a proven finding or a certain wait of another kind appears that the whole
 * dump does not have.
 */
#include "changed_dump.h"
#include "diagnose/case_read.h"
#include "diagnose/diagnosis.h"
#include "threads/tasks_read.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_VCPUS 64
#define MOST_PAGES 65536

/* What is said of one vCPU. */
struct said {
	uint64_t vcpu;
	enum km_vcpu_state state;
	enum km_certainty certainty;
	struct km_wait wait;
	struct km_contradictions contradictions;
	const char *proven[KM_DIAGNOSES];
	size_t proven_count;
};

struct answer {
	struct said said[MOST_VCPUS];
	size_t count;
};

static uint64_t pages[MOST_PAGES]; /* that were read */
static size_t page_count;
static bool collecting, lost[MOST_PAGES];

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_lost(uint64_t page)
{
	const uint64_t *found = bsearch(&page, pages, page_count, sizeof(page), compare);

	return found && lost[found - pages];
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	size_t count = page_count;

	for (uint64_t page = pa & ~(uint64_t)(KM_PAGE_SIZE - 1); page < pa + len;
	     page += KM_PAGE_SIZE) {
		if (!collecting && is_lost(page))
			return km_errorf(KM_EREAD, "lost");
		if (!collecting || lfind(&page, pages, &count, sizeof(page), compare))
			continue;
		if (page_count < MOST_PAGES)
			pages[page_count++] = page;
		count = page_count;
	}
	return whole_ops->read_phys(target, pa, buf, len);
}

static void note(const struct km_vcpu *vcpu, const struct km_case *c,
		 const struct km_explanation *e, struct answer *answer)
{
	struct said *said = &answer->said[answer->count];

	if (answer->count == MOST_VCPUS)
		return;
	answer->count++;
	*said = (struct said){.vcpu = vcpu->addr, .state = e->state, .certainty = e->certainty};
	said->wait = c->wait;
	said->contradictions = c->contradictions;
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty == KM_PROVEN)
			said->proven[said->proven_count++] = e->found[i].id;
	}
}

/* What cannot be read any more is no vCPU. */
static void ask(struct km_kernel *kernel, struct answer *answer)
{
	static struct km_explanation e;
	static struct km_case c;
	const struct km_case_options options = {.form = KM_SPF_MERGED};
	struct km_tasks tasks = {0};
	struct km_vms vms = {0};
	km_scoped_error *err = NULL;

	answer->count = 0;
	km_memory_forget(kernel->mem);
	/* page tables are lost anew in each round */
	km_target_forget(km_memory_target(kernel->mem));
	err = km_kernel_read(kernel);
	if (!err)
		err = km_vms_read(kernel, &vms);
	km_vms_find_threads(kernel, &vms);
	if (!err)
		err = km_tasks_read(kernel, &vms, &tasks);
	for (size_t i = 0; !err && i < vms.count; i++) {
		for (size_t j = 0; j < vms.vms[i].vcpu_count; j++) {
			const struct km_vcpu *vcpu = &vms.vms[i].vcpus[j];
			km_scoped_error *torn =
				km_case_read(kernel, &vms.vms[i], vcpu, &tasks, &options, &c);

			if (!torn) {
				km_explain_case(&c, &e);
				note(vcpu, &c, &e, answer);
			}
			km_case_deinit(&c);
		}
	}
	km_tasks_deinit(&tasks);
	km_vms_deinit(&vms);
}

static bool is_well(const struct said *said)
{
	return (said->state == KM_STATE_HEALTHY || said->state == KM_STATE_PROGRESSING) &&
	       said->certainty >= KM_LIKELY;
}

static bool has_proven(const struct said *said, const char *id)
{
	for (size_t i = 0; i < said->proven_count; i++) {
		if (!strcmp(said->proven[i], id))
			return true;
	}
	return false;
}

static bool contradicts(const struct said *said, const char *text)
{
	for (size_t i = 0; i < said->contradictions.count; i++) {
		if (!strcmp(said->contradictions.text[i], text))
			return true;
	}
	return false;
}

/* Return how much is said that the whole dump denies. */
static unsigned check(unsigned round, const struct said *now, const struct said *whole)
{
	unsigned wrong = 0;

	if (is_well(now) && whole->state == KM_STATE_STUCK) {
		printf("WRONG round %u, vCPU 0x%" PRIx64 ": it was stuck and is %s\n", round,
		       now->vcpu, km_vcpu_state_name(now->state));
		wrong++;
	}
	if (now->wait.kind != KM_WAIT_NONE && now->wait.certainty >= KM_PROVEN &&
	    now->wait.kind != whole->wait.kind) {
		printf("WRONG round %u, vCPU 0x%" PRIx64 ": %s; it was: %s\n", round, now->vcpu,
		       now->wait.text, whole->wait.text);
		wrong++;
	}
	for (size_t i = 0; i < now->contradictions.count; i++) {
		if (contradicts(whole, now->contradictions.text[i]))
			continue;
		printf("WRONG round %u, vCPU 0x%" PRIx64 ": %s\n", round, now->vcpu,
		       now->contradictions.text[i]);
		wrong++;
	}
	for (size_t i = 0; i < now->proven_count; i++) {
		if (has_proven(whole, now->proven[i]))
			continue;
		printf("WRONG round %u, vCPU 0x%" PRIx64 ": %s is proven\n", round, now->vcpu,
		       now->proven[i]);
		wrong++;
	}
	return wrong;
}

static const struct said *find(const struct answer *answer, uint64_t vcpu)
{
	for (size_t i = 0; i < answer->count; i++) {
		if (answer->said[i].vcpu == vcpu)
			return &answer->said[i];
	}
	return NULL;
}

static int lose(struct km_kernel *kernel, unsigned rounds, unsigned one_in)
{
	static struct answer whole, now;
	unsigned wrong = 0, said = 0, well = 0, lost_pages = 0;

	collecting = true;
	ask(kernel, &whole);
	collecting = false;
	qsort(pages, page_count, sizeof(pages[0]), compare);
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < page_count; i++)
			lost_pages += lost[i] = !(random() % one_in);
		ask(kernel, &now);
		for (size_t i = 0; i < now.count; i++) {
			const struct said *before = find(&whole, now.said[i].vcpu);

			/* a torn list may lead to what is no vCPU: it is not in the whole dump */
			if (!before)
				continue;
			said++;
			well += is_well(&now.said[i]);
			wrong += check(round, &now.said[i], before);
		}
	}
	printf("%zu pages, %zu vCPUs; %u rounds, %u pages lost: %u verdicts, %u well, %u wrong\n",
	       page_count, whole.count, rounds, lost_pages, said, well, wrong);
	return wrong != 0;
}

static int start(struct km_kernel *kernel, char **argv)
{
	return lose(kernel, (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
}

int main(int argc, char **argv)
{
	const struct km_target_ops changed = {.read_phys = read_phys};

	if (argc < 4)
		return 2;
	srandom(argc > 4 ? (unsigned)atoi(argv[4]) : 1);
	return play_changed(argv[1], &changed, start, argv);
}
