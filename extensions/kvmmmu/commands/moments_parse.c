// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads what moments_write.c writes. The file may be hostile. */
#include "commands/moments_json.h"

#include "base/file_read.h"
#include "commands/command.h"
#include "diagnose/catalogue.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES  (64u << 20)
#define MOST_VALUES 3000000 /* json-c needs about 100 bytes for each */
#define DEEPEST	    32

/* ---- one object ---- */

struct object {
	struct json_object *json;
	char name[40];	/* for errors: "moment.vcpus[3]" */
	km_error **err; /* the first error; nothing is read after it */
};

/* Return the value of @key, which has to be of @type; NULL: null, or an error. */
static struct json_object *get(const struct object *from, const char *key, enum json_type type,
			       bool may_be_null)
{
	struct json_object *value = NULL;

	if (*from->err)
		return NULL;
	if (!json_object_object_get_ex(from->json, key, &value))
		*from->err = km_errorf(KM_EDATA, "%s has no \"%s\"", from->name, key);
	else if (value ? !json_object_is_type(value, type) : !may_be_null)
		*from->err = km_errorf(KM_EDATA, "%s: \"%s\" is not of type %s", from->name, key,
				       json_type_to_name(type));
	return *from->err ? NULL : value;
}

static void reject(const struct object *from, const char *key)
{
	if (!*from->err)
		*from->err = km_errorf(KM_EDATA, "%s: the value of \"%s\" is not valid", from->name,
				       key);
}

static struct km_val get_hex(const struct object *from, const char *key)
{
	struct json_object *value = get(from, key, json_type_string, true);
	const char *text = value ? json_object_get_string(value) : NULL;
	size_t len = value ? (size_t)json_object_get_string_len(value) : 0;

	if (!value)
		return (struct km_val){.known = KM_UNREADABLE};
	if (len < 3 || len > 18 || strncmp(text, "0x", 2) ||
	    strspn(text + 2, "0123456789abcdef") != len - 2) {
		reject(from, key);
		return (struct km_val){.known = KM_UNREADABLE};
	}
	return km_known_val(strtoull(text, NULL, 16));
}

static struct km_val get_number(const struct object *from, const char *key)
{
	struct json_object *value = get(from, key, json_type_int, true);

	if (value && json_object_get_int64(value) < 0)
		reject(from, key);
	if (!value || *from->err)
		return (struct km_val){.known = KM_UNREADABLE};
	return km_known_val(json_object_get_uint64(value));
}

/* A number that earlier versions did not write. */
static struct km_val get_later_number(const struct object *from, const char *key)
{
	if (!json_object_object_get_ex(from->json, key, NULL))
		return (struct km_val){.known = KM_UNREADABLE};
	return get_number(from, key);
}

/* A number that has to be there, up to @most. */
static unsigned get_count(const struct object *from, const char *key, unsigned most)
{
	struct km_val value = get_number(from, key);

	if (!km_is_known(value) || value.v > most)
		reject(from, key);
	return *from->err ? 0 : (unsigned)value.v;
}

static uint64_t get_address(const struct object *from, const char *key)
{
	struct km_val value = get_hex(from, key);

	if (!km_is_known(value))
		reject(from, key);
	return value.v;
}

static bool get_bool(const struct object *from, const char *key)
{
	return json_object_get_boolean(get(from, key, json_type_boolean, false));
}

/* Set @element to the object at @i in @array, the value of @key; its name is set by the caller. */
static bool get_element(const struct object *from, const char *key, struct json_object *array,
			size_t i, struct object *element)
{
	element->json = json_object_array_get_idx(array, i);
	if (!json_object_is_type(element->json, json_type_object))
		reject(from, key);
	return !*from->err;
}

/* Copy it to @buf; "" for null. */
static void get_text(const struct object *from, const char *key, char *buf, size_t size)
{
	struct json_object *value = get(from, key, json_type_string, true);
	const char *text = value ? json_object_get_string(value) : "";

	if (strlen(text) >= size)
		reject(from, key);
	else
		memcpy(buf, text, strlen(text) + 1);
}

/* Return the position of the value of @key among the @count texts that @name returns. */
static unsigned get_word(const struct object *from, const char *key, unsigned count,
			 const char *(*name)(unsigned i))
{
	struct json_object *value = get(from, key, json_type_string, false);

	for (unsigned i = 0; value && i < count; i++) {
		if (!strcmp(json_object_get_string(value), name(i)))
			return i;
	}
	reject(from, key);
	return 0;
}

static const char *state_name(unsigned i)
{
	return km_vcpu_state_name(i);
}

static const char *ruling_text(unsigned i)
{
	return km_ruling_text(i);
}

static const char *certainty_text(unsigned i)
{
	return km_certainty_text(i);
}

/* Return the text of @texts that the value of @key is, as ours outlives the JSON; NULL for null. */
static const char *get_one_of(const struct object *from, const char *key, const char *const *texts)
{
	struct json_object *value = get(from, key, json_type_string, true);

	for (; value && *texts; texts++) {
		if (!strcmp(json_object_get_string(value), *texts))
			return *texts;
	}
	if (value)
		reject(from, key);
	return NULL;
}

/* ---- one vCPU ---- */

static void parse_identity(const struct object *from, struct km_moment *m)
{
	m->vm_number = get_count(from, "vm", INT32_MAX);
	m->idx = get_count(from, "vcpu", INT32_MAX);
	m->id = get_number(from, "id");
	m->kvm = get_address(from, "kvm");
	m->vcpu = get_address(from, "kvm_vcpu");
	m->mm = get_hex(from, "mm");
	m->pid = get_number(from, "pid");
	get_text(from, "comm", m->comm, sizeof(m->comm));
}

static const char *get_finding(const struct object *from)
{
	struct json_object *value = get(from, "finding", json_type_string, true);
	const struct km_finding_text *text =
		value ? km_finding_text(json_object_get_string(value)) : NULL;

	if (value && !text)
		reject(from, "finding");
	return text ? text->id : NULL;
}

static void parse_state(const struct object *from, struct km_moment *m)
{
	static const char *const mmus[] = {"root_mmu", "guest_mmu", "nested_mmu", NULL};

	m->sample.state = get_word(from, "state", KM_STATE_UNKNOWN + 1, state_name);
	m->certainty = get_word(from, "certainty", KM_PROVEN + 1, certainty_text);
	m->finding = get_finding(from);
	m->finding_certainty = get_word(from, "finding_certainty", KM_PROVEN + 1, certainty_text);
	m->tid = get_number(from, "tid");
	m->mode = get_number(from, "mode");
	m->requests = get_hex(from, "requests");
	m->mmu = get_one_of(from, "mmu", mmus);
	m->root = get_hex(from, "root");
	m->root_role = get_hex(from, "root_role");
	m->tables_differ = get_count(from, "tables_that_differ", INT32_MAX);
}

static void parse_fault(const struct object *from, struct km_sample *s)
{
	struct km_val addr = get_hex(from, "fault_address");

	s->has_fault = km_is_known(addr);
	s->addr = addr.v;
	s->error_code = get_hex(from, "error_code");
	s->rip = get_hex(from, "rip");
	s->fault_exit = get_bool(from, "fault_exit");
	s->instruction_exit = get_bool(from, "instruction_exit");
	s->processor = get_word(from, "processor", KM_NO_RULING + 1, ruling_text);
}

static void parse_counters(const struct object *from, struct km_moment *m)
{
	struct km_sample *s = &m->sample;

	s->exits = get_number(from, "exits");
	s->halt_exits = get_number(from, "halt_exits");
	s->mmio_exits = get_number(from, "mmio_exits");
	s->pf_taken = get_number(from, "pf_taken");
	s->pf_fixed = get_number(from, "pf_fixed");
	m->pf_fast = get_number(from, "pf_fast");
	s->pf_spurious = get_number(from, "pf_spurious");
	s->pf_emulate = get_number(from, "pf_emulate");
	s->emulation_failed = get_number(from, "insn_emulation_fail");
	s->uncounted_exits = get_later_number(from, "uncounted_exits");
	s->insn_emulation = get_later_number(from, "insn_emulation");
	/* null stands for absent, too: only kernels without pf_taken have uncounted exits */
	if (km_is_known(s->uncounted_exits))
		s->pf_taken.known = KM_ABSENT;
	s->invalidate_seq = get_number(from, "mmu_invalidate_seq");
	m->invalidations = get_number(from, "mmu_invalidate_in_progress");
}

/* The levels of a walk; the last one is part of the sample, too. */
static void parse_levels(const struct object *from, struct km_moment *m)
{
	struct json_object *array = get(from, "walk", json_type_array, false);
	size_t count = array ? json_object_array_length(array) : 0;
	struct object level = {.err = from->err};

	snprintf(level.name, sizeof(level.name), "%.30s.walk", from->name);
	if (count > KM_WALK_LEVELS || (count && !m->walk.known))
		reject(from, "walk");
	for (size_t i = 0; i < count && !*from->err; i++) {
		if (!get_element(from, "walk", array, i, &level))
			return;
		m->walk.levels[i].level = (int)get_count(&level, "level", KM_WALK_LEVELS);
		m->walk.levels[i].spte = get_address(&level, "spte");
		m->walk.count = i + 1;
	}
	if (!*from->err && count) {
		m->sample.has_spte = true;
		m->sample.spte = m->walk.levels[count - 1].spte;
		m->sample.level = m->walk.levels[count - 1].level;
	}
}

static void parse_walk(const struct object *from, struct km_moment *m)
{
	struct km_val addr = get_hex(from, "walk_address");
	struct km_val level = get_number(from, "walk_root_level");

	m->walk.known = km_is_known(addr);
	m->walk.addr = addr.v;
	if (km_is_known(level) != m->walk.known || level.v > KM_WALK_LEVELS)
		reject(from, "walk_root_level");
	else
		m->walk.root_level = (int)level.v;
	get_text(from, "walk_end", m->walk.end, sizeof(m->walk.end));
	parse_levels(from, m);
}

static void parse_vcpu(const struct object *from, struct km_moment *m)
{
	parse_identity(from, m);
	parse_state(from, m);
	parse_fault(from, &m->sample);
	parse_counters(from, m);
	parse_walk(from, m);
}

/* ---- the answer ---- */

static void parse_boot(const struct object *from, struct km_boot *boot)
{
	get_text(from, "release", boot->release, sizeof(boot->release));
	get_text(from, "build_id", boot->build_id, sizeof(boot->build_id));
	boot->id[0] = get_hex(from, "boot_id_0");
	boot->id[1] = get_hex(from, "boot_id_1");
	boot->page_offset_base = get_hex(from, "page_offset_base").v;
	boot->vmemmap_base = get_hex(from, "vmemmap_base").v;
	boot->jiffies = get_number(from, "jiffies");
	boot->seconds = get_number(from, "seconds");
	boot->uptime = get_number(from, "uptime");
}

static void parse_vcpus(const struct object *from, struct km_moments *moments)
{
	struct json_object *array = get(from, "vcpus", json_type_array, false);
	size_t count = array ? json_object_array_length(array) : 0;
	struct object vcpu = {.err = from->err};

	moments->list = calloc(count + 1, sizeof(*moments->list));
	if (!moments->list && !*from->err)
		*from->err = km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !*from->err; i++) {
		snprintf(vcpu.name, sizeof(vcpu.name), "moment.vcpus[%zu]", i);
		if (get_element(from, "vcpus", array, i, &vcpu))
			parse_vcpu(&vcpu, &moments->list[moments->count++]);
	}
}

/* The kernel that the answer is about, for the head of ours. */
static void parse_source(const struct object *from, struct km_moments *moments)
{
	static const char *const vendors[] = {"AMD", "Intel", NULL};
	static const char *const pagings[] = {"EPT", "NPT", "shadow paging", NULL};
	struct object source = {.name = "source", .err = from->err};

	source.json = get(from, "source", json_type_object, false);
	moments->vendor = get_one_of(&source, "vendor", vendors);
	moments->paging = get_one_of(&source, "paging", pagings);
}

static void parse_moment(const struct object *from, struct km_moments *moments)
{
	struct object moment = {.name = "moment", .err = from->err};

	moment.json = get(from, "moment", json_type_object, false);
	parse_boot(&moment, &moments->boot);
	moments->json = true;
	moments->redacted = get_bool(&moment, "redacted");
	moments->selected = get_bool(&moment, "selected");
	moments->lost = get_count(&moment, "not_readable", INT32_MAX);
	parse_vcpus(&moment, moments);
}

/* Of which commands does an answer contain one? */
static bool has_moment(const char *command)
{
	return !strcmp(command, "explain") || !strcmp(command, "report");
}

/* Is it an answer at all, and one with a moment? */
static km_error *check_answer(const struct object *answer)
{
	struct json_object *command = get(answer, "command", json_type_string, false);
	struct json_object *version = get(answer, "schema", json_type_string, false);

	if (*answer->err)
		return NULL;
	if (strcmp(json_object_get_string(version), KM_SCHEMA))
		return km_errorf(KM_EDATA, "its schema is not " KM_SCHEMA ": \"%.20s\"",
				 json_object_get_string(version));
	if (!has_moment(json_object_get_string(command)) ||
	    !json_object_object_get_ex(answer->json, "moment", NULL))
		return km_errorf(KM_EABSENT,
				 "this answer of \"%.20s\" does not contain what diff compares: "
				 "make it with \"explain -j\" or \"report -j\" of this version, "
				 "without -a, -e and -m",
				 json_object_get_string(command));
	return NULL;
}

static km_error *parse_answer(struct json_object *json, struct km_moments *moments)
{
	km_error *err = NULL, *other = NULL;
	struct object answer = {.json = json, .name = "the answer", .err = &err};

	if (!json_object_is_type(json, json_type_object))
		return km_errorf(KM_EDATA, "it is not an answer of kvmmmu in JSON");
	other = check_answer(&answer);
	if (!err && !other) {
		parse_source(&answer, moments);
		parse_moment(&answer, moments);
	}
	if (other)
		return other;
	return err ? err : km_moments_sort(moments);
}

/* A value takes much more memory than its text. Those inside strings are counted, too. */
static bool has_too_many_values(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return count > MOST_VALUES;
}

/* Does nothing but white space follow what was parsed? */
static bool ends_at(const char *text, size_t len, size_t at)
{
	while (at < len && isspace((unsigned char)text[at]))
		at++;
	return at == len;
}

static km_error *describe_damage(struct json_tokener *tokener)
{
	size_t end = json_tokener_get_parse_end(tokener);

	if (json_tokener_get_error(tokener) == json_tokener_continue)
		return km_errorf(KM_EDATA, "it is incomplete: it ends after %zu bytes, inside JSON",
				 end);
	if (json_tokener_get_error(tokener) == json_tokener_success)
		return km_errorf(KM_EDATA, "text follows the JSON, at byte %zu", end);
	return km_errorf(KM_EDATA, "it is not JSON, at byte %zu", end);
}

km_error *km_moments_parse(const char *text, size_t len, struct km_moments *moments)
{
	struct json_tokener *tokener;
	struct json_object *json;
	km_error *err;
	bool no_memory;

	memset(moments, 0, sizeof(*moments));
	if (len > MOST_BYTES || has_too_many_values(text, len))
		return km_errorf(KM_ELIMIT,
				 "it is too large: an answer has at most %u MiB and "
				 "%d values",
				 MOST_BYTES >> 20, MOST_VALUES);
	tokener = json_tokener_new_ex(DEEPEST);
	if (!tokener)
		return km_errorf(KM_ENOMEM, "out of memory");
	errno = 0;
	json = json_tokener_parse_ex(tokener, text, (int)len);
	no_memory = errno == ENOMEM;
	if (no_memory) /* json-c leaves out what it cannot allocate, without an error */
		err = km_errorf(KM_ENOMEM, "out of memory");
	else if (!json || !ends_at(text, len, json_tokener_get_parse_end(tokener)))
		err = describe_damage(tokener);
	else
		err = parse_answer(json, moments);
	json_tokener_free(tokener);
	json_object_put(json);
	return err;
}

/* ---- the file ---- */

bool km_is_json(const char *path)
{
	struct km_file file;
	km_scoped_error *err = km_file_open(path, &file);
	char head[64];
	size_t size = 0, at = 0;

	if (err)
		return false;
	size = file.size < sizeof(head) ? (size_t)file.size : sizeof(head);
	if (!km_file_read(&file, 0, head, size))
		size = 0;
	close(file.fd);
	while (at < size && isspace((unsigned char)head[at]))
		at++;
	return at < size && head[at] == '{';
}

static km_error *read_text(const char *path, char **text, size_t *len)
{
	struct km_file file;
	km_error *err = km_file_open(path, &file);

	if (err)
		return err;
	*len = (size_t)file.size;
	if (file.size > MOST_BYTES)
		err = km_errorf(KM_ELIMIT, "it is larger than %u MiB", MOST_BYTES >> 20);
	else if (!(*text = malloc(*len + 1)))
		err = km_errorf(KM_ENOMEM, "out of memory");
	else if (!km_file_read(&file, 0, *text, *len))
		err = km_file_blame(&file, km_errorf(KM_EREAD, "it became shorter"));
	close(file.fd);
	return err;
}

km_error *km_moments_read_json(const char *path, struct km_moments *moments)
{
	char *text = NULL;
	size_t len;
	km_error *err;

	memset(moments, 0, sizeof(*moments));
	err = read_text(path, &text, &len);
	if (!err)
		err = km_moments_parse(text, len, moments);
	free(text);
	return km_error_context(err, "%s", path);
}
