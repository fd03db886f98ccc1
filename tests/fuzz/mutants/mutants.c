// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damages what the analysis reads of a dump or capsule, asks everything, and compares the answers
 * with those about undamaged memory:
 *
 *	mutants [-v] [-k DEBUGINFO] [-s SEED] COUNT DUMP|CAPSULE...
 *
 * One member or a piece of a page table is changed at a time, in memory: the file is not written. A
 * vCPU that disappears or a state that changes must come with a line that says what contradicts,
 * what is missing, or what is not certain; a finding that is proven must be so of the undamaged
 * memory, too. Print the number of mutants of each kind, and fail if there is a silent one.
 */
#include "../../../extensions/cli/dump.h"
#include "../../chance.h"
#include "../../run_line.h"
#include "capsule/capsule.h"
#include "capsule/capture.h"
#include "kernel/kernel_open.h"
#include "threads/saved_stacks.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- memory with one place that is damaged ---- */

struct overlay {
	struct km_target target;
	struct km_target *inner;
	bool phys;
	uint64_t addr;
	size_t len; /* 0: undamaged */
	uint8_t bytes[8];
};

static void apply(const struct overlay *o, bool phys, uint64_t addr, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < o->len; i++) {
		uint64_t at = o->addr + i - addr;

		if (phys == o->phys && at < len)
			buf[at] = o->bytes[i];
	}
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	struct overlay *o = (struct overlay *)target;
	km_error *err = o->inner->ops->read_phys(o->inner, pa, buf, len);

	if (!err)
		apply(o, true, pa, buf, len);
	return err;
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	struct overlay *o = (struct overlay *)target;
	km_error *err = o->inner->ops->read_virt(o->inner, va, buf, len);

	if (!err)
		apply(o, false, va, buf, len);
	return err;
}

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	struct km_target *inner = ((struct overlay *)target)->inner;

	return inner->ops->symbol(inner, name, addr);
}

static bool symbol_at(struct km_target *target, uint64_t addr, char *name, size_t size,
		      uint64_t *offset)
{
	struct km_target *inner = ((struct overlay *)target)->inner;

	return inner->ops->symbol_at && inner->ops->symbol_at(inner, addr, name, size, offset);
}

static bool registers(struct km_target *target, unsigned cpu, struct km_registers *regs)
{
	struct km_target *inner = ((struct overlay *)target)->inner;

	return inner->ops->registers && inner->ops->registers(inner, cpu, regs);
}

static const struct km_target_ops overlay_ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.symbol_at = symbol_at,
	.registers = registers,
};

/* ---- answers ---- */

struct answer {
	int code;
	char *text;
	struct json_object *json; /* NULL: an error */
};

static struct answer ask(struct km_session *session, const char *line)
{
	struct answer a = {0};
	char *error = NULL;
	size_t len = 0, error_len = 0;
	FILE *out = open_memstream(&a.text, &len), *errors = open_memstream(&error, &error_len);

	if (!out || !errors)
		exit(2);
	a.code = run_line(session, line, out, errors);
	fclose(out);
	fclose(errors);
	if (a.code == KM_EXIT_ANSWERED) {
		a.json = json_tokener_parse(a.text);
		free(error);
	} else {
		free(a.text);
		a.text = error;
	}
	return a;
}

static void drop(struct answer *a)
{
	json_object_put(a->json);
	free(a->text);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value;
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text = json_object_get_string(get(object, key));

	return text ? text : "";
}

static size_t length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* The vCPU of @answer at the same address; vCPUs and VMs may have other numbers. */
static struct json_object *same_vcpu(struct json_object *answer, struct json_object *vcpu)
{
	struct json_object *list = get(answer, "vcpus");
	const char *address = text_of(get(vcpu, "about"), "address");

	for (size_t i = 0; i < length(list); i++) {
		struct json_object *other = json_object_array_get_idx(list, i);

		if (!strcmp(text_of(get(other, "about"), "address"), address))
			return other;
	}
	return NULL;
}

static int certainty(const char *word)
{
	enum km_certainty c;

	return km_certainty_parse(word, &c) ? (int)c : -1;
}

/* ---- judgement ---- */

enum outcome {
	SAME,	   /* states, their certainty and what is proven are as before */
	REFUSED,   /* one line says why there is no answer */
	SAID,	   /* it is said what contradicts, what is missing, or what is not certain */
	LESS_SURE, /* the same state, less certain; or another that is only possible */
	VALUE,	   /* a possible value of what is examined itself: the answer is about it */
	SILENT,	   /* none of these: a failure */
	OUTCOMES
};

static const char *const outcome_names[] = {"same",	    "refused",	      "contradiction said",
					    "less certain", "examined value", "SILENT"};

/* A finding with this certainty that is not in @before. */
static const char *new_proven(struct json_object *before, struct json_object *after)
{
	struct json_object *old = get(before, "findings"), *new = get(after, "findings");

	for (size_t i = 0; i < length(new); i++) {
		struct json_object *f = json_object_array_get_idx(new, i);
		bool known = false;

		if (strcmp(text_of(f, "certainty"), "proven"))
			continue;
		for (size_t j = 0; j < length(old); j++) {
			struct json_object *g = json_object_array_get_idx(old, j);

			known |= !strcmp(text_of(g, "id"), text_of(f, "id")) &&
				 !strcmp(text_of(g, "certainty"), "proven");
		}
		if (!known)
			return text_of(f, "id");
	}
	return NULL;
}

/* Does the answer say that something is missing, torn or contradictory? */
static bool has_more_notes(struct json_object *before, struct json_object *after)
{
	return length(get(after, "notes")) > length(get(before, "notes"));
}

/* Undamaged memory has none. */
static bool has_contradictions(struct json_object *answer)
{
	struct json_object *list = get(answer, "vcpus");
	bool found = false;

	for (size_t i = 0; i < length(list); i++)
		found |= length(get(json_object_array_get_idx(list, i), "contradictions")) > 0;
	return found;
}

static enum outcome judge_vcpu(struct json_object *truth, struct json_object *mutant,
			       struct json_object *vcpu, const char **why)
{
	struct json_object *other = same_vcpu(mutant, vcpu);
	const char *was, *is, *proven;
	bool said = has_more_notes(truth, mutant);

	*why = "disappears";
	if (!other)
		return said || has_contradictions(mutant) ? SAID : SILENT;
	was = text_of(vcpu, "state");
	is = text_of(other, "state");
	said |= length(get(other, "contradictions")) > length(get(vcpu, "contradictions"));
	proven = new_proven(vcpu, other);
	if (proven) {
		*why = proven;
		return SILENT;
	}
	*why = is;
	if (strcmp(was, is)) {
		if (said || !strcmp(is, "unknown"))
			return SAID;
		return certainty(text_of(other, "certainty")) <= KM_POSSIBLE ? LESS_SURE : SILENT;
	}
	if (certainty(text_of(other, "certainty")) < certainty(text_of(vcpu, "certainty")))
		return said ? SAID : LESS_SURE;
	if (certainty(text_of(other, "certainty")) > certainty(text_of(vcpu, "certainty")))
		return said ? SAID : SILENT;
	return said ? SAID : SAME;
}

/* ---- members ---- */

struct place {
	uint64_t addr;
	uint32_t len;
	bool phys;
	const char *what;
	bool variable; /* of the kernel: read when it is opened */
};

/*
 * What an answer is about: no other member says what it should be, so that another possible value
 * is another state of the VM, not a contradiction.
 */
static bool is_examined(const char *what)
{
	static const char *const prefixes[] = {"page-table page",
					       "SPTE",
					       "host ",
					       "kvm.mmu_invalidate",
					       "kvm.mn_active",
					       "kvm.mmu_lock",
					       "kvm.vm_dead",
					       "kvm.vm_bugged",
					       "kvm.vm_type",
					       "kvm.mmu_valid_gen",
					       "kvm_memory_slot.",
					       "kvm_memslots.",
					       "vm_area_struct.",
					       "maple_node",
					       "kvm_vcpu.dirty_",
					       "kvm_vcpu.reset_index",
					       "kvm_vcpu.guest_mode",
					       "kvm_page_fault.",
					       "vmcb.exit_",
					       "vcpu_vmx.exit_",
					       "kvm_vcpu.stat_",
					       "kvm_vcpu.insn_",
					       "kvm_vcpu.requests",
					       "kvm_vcpu.apf_",
					       "kvm_vcpu.mmio_",
					       "kvm_mmu.root_hpa",
					       "kvm_mmu.root_pgd",
					       "kvm_mmu.rsvd_bits",
					       "kvm_mmu.bad_mt_xwr",
					       "kvm_mmu_page.role",
					       "kvm_mmu_page.mmu_valid_gen",
					       "kvm_svm.sev_active",
					       "page.flags",
					       "shadow_",
					       "task_struct.pending",
					       "task_struct.blocked",
					       "sighand_struct.",
					       NULL};

	for (const char *const *p = prefixes; *p; p++) {
		if (!strncmp(what, *p, strlen(*p)))
			return true;
	}
	return false;
}

/* Findings that are themselves about a contradiction, and the members between which it is. */
static bool is_contradiction_of(const char *id, const char *what)
{
	static const struct {
		const char *id, *what;
	} known[] = {{"perm-table-mismatch", "kvm_mmu."},
		     {"perm-table-mismatch", "kvm_pagewalk."},
		     {"role-corruption", "kvm_mmu_page."},
		     {"role-corruption", "page.private"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!strcmp(id, known[i].id) &&
		    !strncmp(what, known[i].what, strlen(known[i].what)))
			return true;
	}
	return false;
}

struct input {
	const char *path;
	struct km_capsule *capsule;
	struct dump *dump;
	struct overlay overlay;
	struct km_session *session;
	struct place *places;
	size_t count;
	size_t *starts; /* of places that are called alike, which are in a row */
	size_t kinds;
	struct answer truth;
};

/* Was a member, a variable or a member of a VM with this name recorded? */
static bool is_recorded(const struct input *in, const char *name)
{
	for (size_t i = 0; i < in->kinds; i++) {
		const char *what = in->places[in->starts[i]].what, *member = strchr(what, '.');

		if (!strcmp(what, name) || (member && !strcmp(member + 1, name)))
			return true;
	}
	return false;
}

/*
 * Members that another one contradicts, where it was recorded: capsules from earlier versions do
 * not have all of them.
 */
static bool is_unproven(const struct input *in, const char *what)
{
	static const struct {
		const char *what, *proof;
	} pairs[] = {{"task_struct.state", "task_struct.sched_delayed"},
		     {"kvm_mmu_page.tdp_mmu_page", "tdp_mmu_enabled"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (!strcmp(what, pairs[i].what))
			return !is_recorded(in, pairs[i].proof);
	}
	return false;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->what, y->what);

	return order ? order : x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void find_places(struct input *in)
{
	const struct km_capture_options options = {KM_ALL, KM_ALL, false, KM_CAPTURE_MAX};
	const struct km_open_options open = {.source = KM_TYPES_AUTO};
	struct km_kernel *kernel;
	static struct km_capture capture; /* its texts are used until the end */
	km_error *err = km_kernel_open(&in->overlay.target, &open, &kernel);

	if (!err)
		err = km_capture(kernel, &options, &capture);
	if (err) {
		fprintf(stderr, "%s: %s\n", in->path, km_error_text(err));
		exit(2);
	}
	in->places = calloc(capture.rec.count + 1, sizeof(*in->places));
	in->starts = calloc(capture.rec.count + 1, sizeof(*in->starts));
	for (size_t i = 0; i < capture.rec.count; i++) {
		const struct km_item *item = &capture.rec.items[i];

		if (item->len)
			in->places[in->count++] =
				(struct place){item->addr, item->len, item->phys, item->what,
					       !strcmp(item->why, "masks and features")};
	}
	qsort(in->places, in->count, sizeof(*in->places), compare_places);
	for (size_t i = 0; i < in->count; i++) {
		if (!i || strcmp(in->places[i].what, in->places[i - 1].what))
			in->starts[in->kinds++] = i;
	}
	in->starts[in->kinds] = in->count;
	km_capture_deinit(&capture);
	km_kernel_free(kernel);
}

static void restart(struct input *in)
{
	km_session_free(in->session);
	in->session = km_session_new(&in->overlay.target);
	if (!in->session)
		exit(2);
}

static void open_input(struct input *in, const char *path, const char *debug)
{
	struct km_target *inner;
	km_error *err;

	memset(in, 0, sizeof(*in));
	in->path = path;
	if (km_is_capsule(path, &err))
		err = km_capsule_open(path, &in->capsule);
	else if (!err)
		err = dump_open(path, debug, &in->dump);
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		exit(2);
	}
	inner = in->capsule ? km_capsule_target(in->capsule) : dump_target(in->dump);
	in->overlay = (struct overlay){.target = *inner, .inner = inner};
	in->overlay.target.ops = &overlay_ops;
	find_places(in);
	restart(in);
	in->truth = ask(in->session, "explain -j");
	if (!in->truth.json) {
		fprintf(stderr, "%s: %s", path, in->truth.text);
		exit(2);
	}
}

static void close_input(struct input *in)
{
	drop(&in->truth);
	km_session_free(in->session);
	km_capsule_close(in->capsule);
	dump_close(in->dump);
	free(in->places);
	free(in->starts);
}

/* ---- damage ---- */

/* Each kind of member is as likely as any other, however many of it there are. */
static const struct place *choose(const struct input *in)
{
	size_t kind = any(in->kinds), count = in->starts[kind + 1] - in->starts[kind];

	return &in->places[in->starts[kind] + any(count)];
}

static void damage(struct input *in, const struct place *p)
{
	static const uint64_t values[] = {0, 1, ~0ULL, 0x4141414141414141, 1ULL << 63, 0x80};
	struct overlay *o = &in->overlay;
	uint64_t value = 0, old, mask;
	size_t len = p->len < 8 ? p->len : 8;
	uint64_t at = p->addr + (p->len > 8 ? any(p->len / 8) * 8 : 0);
	const struct place *twin = &in->places[any(in->count)];

	o->len = 0;
	mask = len == 8 ? ~0ULL : (1ULL << 8 * len) - 1;
	km_error_free(p->phys ? o->target.ops->read_phys(&o->target, at, &value, len)
			      : o->target.ops->read_virt(&o->target, at, &value, len));
	old = value;
	switch (any(5)) {
	case 0:
	case 1:
		value ^= 1ULL << any(8 * len);
		break;
	case 2:
		value = values[any(sizeof(values) / sizeof(*values))];
		break;
	case 3:
		value = any(~0ULL);
		break;
	case 4: /* what is elsewhere, such as another pointer */
		km_error_free(twin->phys ? o->target.ops->read_phys(&o->target, twin->addr, &value,
								    twin->len < 8 ? twin->len : 8)
					 : o->target.ops->read_virt(&o->target, twin->addr, &value,
								    twin->len < 8 ? twin->len : 8));
		break;
	}
	if (!((value ^ old) & mask))
		value ^= 1;
	memcpy(o->bytes, &value, sizeof(o->bytes));
	o->phys = p->phys;
	o->addr = at;
	o->len = len;
}

/* ---- a mutant ---- */

struct totals {
	uint64_t outcomes[OUTCOMES];
	double longest;
	bool verbose;
};

static enum outcome judge(const struct input *in, const struct answer *mutant,
			  const struct place *p, const char **why, const char **vcpu)
{
	struct json_object *vcpus = get(in->truth.json, "vcpus");
	enum outcome worst = SAME;

	*why = *vcpu = "";
	if (!mutant->json)
		return mutant->code == KM_EXIT_UNREADABLE ? REFUSED : SILENT;
	for (size_t i = 0; i < length(vcpus); i++) {
		struct json_object *v = json_object_array_get_idx(vcpus, i);
		const char *what;
		enum outcome o = judge_vcpu(in->truth.json, mutant->json, v, &what);

		if (o == SILENT && is_contradiction_of(what, p->what))
			o = SAID;
		if (o == SILENT && (is_examined(p->what) || is_unproven(in, p->what)))
			o = VALUE;
		if (o > worst) {
			worst = o;
			*why = what;
			*vcpu = text_of(get(v, "about"), "address");
		}
	}
	return worst;
}

static void run_mutant(struct input *in, uint64_t number, struct totals *totals)
{
	static const char *const others[] = {"vms -j", "explain",  "perms -j", "slots -j",
					     "mmu -j", "fault -j", "report",   "capture --list"};
	const struct place *p = choose(in);
	const char *why, *vcpu;
	struct answer mutant, other;
	enum outcome outcome;
	clock_t start = clock();
	double took;

	damage(in, p);
	if (p->variable)
		restart(in);
	mutant = ask(in->session, "explain -j");
	/* these must end, and not crash */
	other = ask(in->session, others[number % (sizeof(others) / sizeof(*others))]);
	drop(&other);
	outcome = judge(in, &mutant, p, &why, &vcpu);
	took = (double)(clock() - start) / CLOCKS_PER_SEC;
	if (took > totals->longest)
		totals->longest = took;
	totals->outcomes[outcome]++;
	if (outcome == SILENT || (totals->verbose && outcome >= LESS_SURE))
		printf("%s: mutant %" PRIu64 ": %s at %s 0x%" PRIx64 " is 0x%" PRIx64
		       ": vCPU %s: %s: %s\n",
		       in->path, number, p->what, p->phys ? "physical" : "virtual",
		       in->overlay.addr, *(uint64_t *)in->overlay.bytes, vcpu, why,
		       outcome_names[outcome]);
	drop(&mutant);
	in->overlay.len = 0;
	if (p->variable)
		restart(in);
}

int main(int argc, char **argv)
{
	struct totals totals = {0};
	const char *debug = NULL;
	uint64_t count, seed = 1;
	int c;

	while ((c = getopt(argc, argv, "vk:s:")) != -1) {
		if (c == 'v')
			totals.verbose = true;
		else if (c == 'k')
			debug = optarg;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (argc - optind < 2)
		return 2;
	count = strtoull(argv[optind], NULL, 10);
	for (int i = optind + 1; i < argc; i++) {
		struct input in;

		open_input(&in, argv[i], debug);
		seed_chance(seed + (uint64_t)i);
		for (uint64_t n = 0; n < count; n++)
			run_mutant(&in, n, &totals);
		close_input(&in);
	}
	for (int i = 0; i < OUTCOMES; i++)
		printf("%" PRIu64 " %s\n", totals.outcomes[i], outcome_names[i]);
	printf("%.1f seconds for the slowest\n", totals.longest);
	return totals.outcomes[SILENT] ? 1 : 0;
}
