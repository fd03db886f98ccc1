// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/log.h"

#include "trace/characters.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "0123456789abcdefABCDEF"

#define SVM_EXITS 0x400 /* from here on an exit code is AMD's; those of VMX are smaller */

/* --- entries --- */

static void copy(char *to, size_t room, const char *from, size_t len)
{
	if (len >= room)
		len = room - 1;
	memcpy(to, from, len);
	to[len] = 0;
	for (size_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)to[i]))
			to[i] = '?';
	}
}

/* Are the messages equal except for their numbers? */
static bool alike(const char *a, const char *b)
{
	while (*a && *b) {
		if (isxdigit((unsigned char)*a) && isxdigit((unsigned char)*b)) {
			a += strspn(a, HEX "x");
			b += strspn(b, HEX "x");
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return *a == *b;
}

static struct km_log_entry *find_alike(struct km_log *log, enum km_log_kind kind, const char *text)
{
	for (size_t i = 0; i < log->count; i++) {
		if (log->entries[i].kind == kind && alike(log->entries[i].text, text))
			return &log->entries[i];
	}
	return NULL;
}

static bool same_spte(const struct km_log_spte *a, const struct km_log_spte *b)
{
	return a->value == b->value && a->level == b->level && a->has_rsvd == b->has_rsvd &&
	       a->rsvd == b->rsvd;
}

/* Do they show the same SPTEs at the same address? */
static bool same_sptes(const struct km_log_entry *a, const struct km_log_entry *b)
{
	if (a->kind != b->kind || a->spte_count != b->spte_count || !a->spte_count ||
	    a->has_address != b->has_address || a->address != b->address ||
	    strcmp(a->function, b->function))
		return false;
	for (size_t i = 0; i < a->spte_count; i++) {
		if (!same_spte(&a->sptes[i], &b->sptes[i]))
			return false;
	}
	return true;
}

void km_log_settle(struct km_log *log)
{
	struct km_log_entry *last = log->count ? &log->entries[log->count - 1] : NULL;

	log->open = NULL;
	for (size_t i = 0; last && i + 1 < log->count; i++) {
		if (!same_sptes(&log->entries[i], last))
			continue;
		log->entries[i].repeats += last->repeats;
		log->count--;
		return;
	}
}

/* Add an entry and make it the open one. Return NULL if it only repeats another, or has no room. */
static struct km_log_entry *add(struct km_log *log, enum km_log_kind kind, const char *text,
				const char *stamp, size_t len, uint64_t number)
{
	struct km_log_entry *entry;
	char kept[sizeof(entry->text)];

	copy(kept, sizeof(kept), text, strlen(text));
	km_log_settle(log);
	entry = kind == KM_LOG_MESSAGE || kind == KM_LOG_WARN ? find_alike(log, kind, kept) : NULL;
	if (entry) {
		entry->repeats++;
		return NULL;
	}
	if (log->count == KM_LOG_ENTRIES) {
		log->more++;
		return NULL;
	}
	entry = &log->entries[log->count++];
	memset(entry, 0, sizeof(*entry));
	entry->kind = kind;
	entry->line = number;
	entry->repeats = 1;
	strcpy(entry->text, kept);
	if (stamp)
		copy(entry->stamp, sizeof(entry->stamp), stamp, len);
	log->open = entry;
	return entry;
}

/* --- what is in a message --- */

/* Read the hexadecimal number after @name and "=", ":" or a blank; false if there is none. */
static bool number_after(const char *text, const char *name, uint64_t *value)
{
	const char *at = strstr(text, name);

	if (!at)
		return false;
	at += strlen(name);
	at += strspn(at, " =:\t");
	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	if (!strspn(at, HEX) || strspn(at, HEX) > 16)
		return false;
	*value = strtoull(at, NULL, 16);
	return true;
}

static int level_in(const char *text)
{
	const char *at = strstr(text, "level");

	if (!at)
		return 0;
	at += 5;
	at += strspn(at, " =:");
	return *at >= '1' && *at <= '5' ? *at - '0' : 0;
}

static void add_spte(struct km_log_entry *entry, const char *what, uint64_t value, const char *text)
{
	struct km_log_spte *spte;

	if (!entry || entry->spte_count == KM_LOG_SPTES)
		return;
	spte = &entry->sptes[entry->spte_count++];
	spte->what = what;
	spte->value = value;
	spte->level = level_in(text);
	spte->has_rsvd = number_after(text, "rsvd bits", &spte->rsvd);
}

/* "handle_changed_spte+0x12/0x340 [kvm]" at @at */
static void keep_function(struct km_log_entry *entry, const char *at)
{
	copy(entry->function, sizeof(entry->function), at, strcspn(at, "+.: \t,"));
}

static const char *meaning_of_message(const char *text)
{
	static const struct {
		const char *part, *means;
	} messages[] = {
#define KM_LOG_TEXT(part, means) {part, means},
#include "trace/log_messages.def"
#undef KM_LOG_TEXT
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strstr(text, messages[i].part))
			return messages[i].means ? messages[i].means : "";
	}
	return NULL;
}

static const char *meaning_of_function(const char *function)
{
	static const struct {
		const char *function, *means;
	} warns[] = {
#define KM_LOG_WARN_IN(function, means) {function, means},
#include "trace/log_warns.def"
#undef KM_LOG_WARN_IN
	};

	for (size_t i = 0; i < sizeof(warns) / sizeof(warns[0]); i++) {
		if (!strcmp(function, warns[i].function))
			return warns[i].means;
	}
	return NULL;
}

/* --- kinds of lines --- */

struct line {
	const char *text, *stamp;
	size_t len;
	uint64_t number;
	bool by_kvm; /* the line began with "kvm: " or another module's name */
};

/*
 * The prefixes of KVM's modules since 6.3, and of programs. "kernel " without a colon is what is
 * left of a journal's line in tables of bug trackers.
 */
static const char *behind_module(const char *text)
{
	static const char *const modules[] = {
		"kvm: ", "kvm_intel: ", "kvm_amd: ", "qemu-kvm: ", "qemu-system-x86_64: "};

	if (!strncmp(text, "kernel", 6) && (text[6] == ' ' || text[6] == ':') &&
	    strncmp(text, "kernel BUG", 10))
		text = km_skip_blanks(text + 6 + strspn(text + 6, ":"));
	if (!strncmp(text, "QEMU[", 5) && strstr(text, "]: "))
		return km_skip_blanks(strstr(text, "]: ") + 3);

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		size_t len = strlen(modules[i]);

		if (!strncmp(text, modules[i], len))
			return km_skip_blanks(text + len);
	}
	return text;
}

static bool names_module(const char *text)
{
	return !strncmp(text, "kvm", 3) && behind_module(text) != text;
}

/* "get_mmio_spte: detect reserved bits on spte, addr 0xffc13792, dump hierarchy:" */
static bool take_hierarchy(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry;
	const char *at = line->text;

	if (!strstr(at, "hierarchy:") || !strstr(at, "spte"))
		return false;
	entry = add(log, KM_LOG_HIERARCHY, at, line->stamp, line->len, line->number);
	if (!entry)
		return true;
	keep_function(entry, at);
	entry->has_address = number_after(at, "addr", &entry->address);
	entry->means = meaning_of_message(at);
	return true;
}

/* "EPT: Misconfiguration.", "EPT: GPA: 0x108ba5538", "ept_misconfig_inspect_spte: spte ..." */
static bool take_misconfiguration(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	uint64_t value;

	if (strstr(line->text, "EPT: Misconfiguration")) {
		entry = add(log, KM_LOG_HIERARCHY, line->text, line->stamp, line->len,
			    line->number);
		if (entry)
			entry->means = meaning_of_message(line->text);
		return true;
	}
	if (strstr(line->text, "EPT: GPA")) {
		if (entry)
			entry->has_address = number_after(line->text, "GPA", &entry->address);
		return true;
	}
	if (!strstr(line->text, "ept_misconfig_inspect_spte"))
		return false;
	if (!entry || entry->kind != KM_LOG_HIERARCHY)
		entry = add(log, KM_LOG_HIERARCHY, line->text, line->stamp, line->len,
			    line->number);
	if (number_after(line->text, ": spte", &value))
		add_spte(entry, "spte", value, line->text);
	else if (entry && entry->spte_count && number_after(line->text, "rsvd_bits", &value))
		entry->sptes[entry->spte_count - 1].has_rsvd = true,
						 entry->sptes[entry->spte_count - 1].rsvd = value;
	return true;
}

/* "------ spte = 0x8913827 level = 2, rsvd bits = 0x...", "spte = ..., level = ..., rsvd bits" */
static bool take_spte(struct km_log *log, const struct line *line)
{
	const char *at = line->text;
	bool dashes = !strncmp(at, "------ spte", 11);
	struct km_log_entry *entry = log->open;
	uint64_t value;

	if (dashes)
		at += 7;
	if (strncmp(at, "spte", 4) || !level_in(at) || !number_after(at, "spte", &value))
		return false;
	if (!dashes || !entry || entry->kind != KM_LOG_HIERARCHY) {
		entry = add(log, dashes ? KM_LOG_HIERARCHY : KM_LOG_SPTE, line->text, line->stamp,
			    line->len, line->number);
		if (entry)
			entry->means =
				dashes ? "the rest of a hierarchy whose first line is missing"
				       : meaning_of_message(line->text);
	}
	add_spte(entry, "spte", value, at);
	return true;
}

/*
 * "MMU-writable SPTE is not Host-writable: 8600...", "SPTE 8600... (@ 0000...) for gfn 2f4a0
 * shadow-present at free": without a level.
 */
static bool take_spte_in_text(struct km_log *log, const struct line *line)
{
	static const char *const before[] = {
		"SPTE is not Host-writable:", "SPTE is not MMU-writable:", "SPTE "};
	bool freed = strstr(line->text, "shadow-present at free");
	struct km_log_entry *entry;
	uint64_t value;

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		if ((i == 2) != freed || !number_after(line->text, before[i], &value))
			continue;
		entry = add(log, KM_LOG_SPTE, line->text, line->stamp, line->len, line->number);
		add_spte(entry, "spte", value, "");
		if (entry)
			entry->means = meaning_of_message(line->text);
		if (entry && freed && number_after(line->text, "for gfn", &value)) {
			entry->has_address = true;
			entry->address = value << 12;
		}
		return true;
	}
	return false;
}

/* "as_id: 0 gfn: 12345 old_spte: ... new_spte: ... level: 1" */
static bool take_change(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	uint64_t old, new, gfn;

	if (strstr(line->text, "SPTE change")) {
		entry = add(log, KM_LOG_CHANGE, line->text, line->stamp, line->len, line->number);
		if (entry)
			entry->means = meaning_of_message(line->text);
		return true;
	}
	if (!number_after(line->text, "old_spte", &old) ||
	    !number_after(line->text, "new_spte", &new) || !strstr(line->text, "gfn"))
		return false;
	if (!entry || entry->kind != KM_LOG_CHANGE)
		entry = add(log, KM_LOG_CHANGE, line->text, line->stamp, line->len, line->number);
	add_spte(entry, "old_spte", old, line->text);
	add_spte(entry, "new_spte", new, line->text);
	if (entry && number_after(line->text, "gfn", &gfn)) {
		entry->has_address = true;
		entry->address = gfn << 12;
	}
	return true;
}

/*
 * "WARNING: CPU: 3 PID: 47 at arch/x86/kvm/mmu/mmu.c:3549 get_mmio_spte+0x1a/0x3c [kvm]", newer
 * "WARNING: arch/x86/kvm/mmu/mmu.c:4525 at get_mmio_spte+0x1a/0x3c [kvm], CPU#3: qemu/47"
 */
static bool take_warn(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry;
	const char *at = line->text, *path;

	if (strncmp(at, "WARNING: ", 9) && strncmp(at, "kernel BUG at ", 14))
		return false;
	log->in_splat = true;
	log->open = NULL;
	path = strstr(at, "/kvm/");
	if (!path)
		return false;
	entry = add(log, KM_LOG_WARN, at, line->stamp, line->len, line->number);
	if (!entry)
		return true;
	path += strcspn(path, " \t");
	path = km_skip_blanks(path);
	if (!strncmp(path, "at ", 3))
		path += 3;
	keep_function(entry, path);
	entry->means = meaning_of_function(entry->function);
	return true;
}

/* The function of a BUG, which only the instruction pointer of the splat names. */
static bool take_function(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	const char *at = strstr(line->text, "+0x");

	if (!log->in_splat || !entry || entry->kind != KM_LOG_WARN || entry->function[0] ||
	    (strncmp(line->text, "RIP: ", 5) && strncmp(line->text, "EIP: ", 5)) || !at)
		return false;
	while (at > line->text && !strchr(" :]", at[-1]))
		at--;
	keep_function(entry, at);
	entry->means = meaning_of_function(entry->function);
	return true;
}

static bool is_register(const char *at)
{
	return (at[0] == 'R' && strspn(at + 1, "ABCDSIPX0123456789") == 2 && at[3] == ':');
}

/* "RAX: 0000000000000000 RBX: ffff888004a12345 RCX: 0000000000000000" */
static bool take_registers(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	const char *at = line->text;

	if (!log->in_splat || !entry || entry->kind != KM_LOG_WARN || !is_register(at) ||
	    !strncmp(at, "RIP", 3) || !strncmp(at, "RSP", 3))
		return false;
	while (is_register(at) && entry->register_count < KM_LOG_REGISTERS) {
		struct km_log_register *r = &entry->registers[entry->register_count++];

		copy(r->name, sizeof(r->name), at, 3);
		at = km_skip_blanks(at + 4);
		r->value = strtoull(at, NULL, 16);
		at = km_skip_blanks(at + strspn(at, HEX));
	}
	return true;
}

/* dump_vmcs(): "        reason=00000030 qualification=0000000000000184" */
static bool take_vmcs(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	uint64_t value;

	if (strstr(line->text, "*** Guest State ***")) {
		entry = add(log, KM_LOG_MESSAGE, line->text, line->stamp, line->len, line->number);
		if (entry)
			entry->means = "KVM printed the VMCS";
		return true;
	}
	if (number_after(line->text, "qualification=", &value)) {
		if (!entry)
			entry = add(log, KM_LOG_MESSAGE, line->text, line->stamp, line->len,
				    line->number);
		if (!entry)
			return true;
		entry->qualification = value;
		entry->has_exit = number_after(line->text, "reason=", &entry->reason);
		return true;
	}
	if (strstr(line->text, "IDTVectoring")) {
		if (entry)
			entry->has_vectoring = number_after(line->text, "info=", &entry->vectoring);
		return true;
	}
	/* the rest of a VMCS whose lines begin with the module's name */
	return line->by_kvm && entry && strstr(entry->text, "*** Guest State ***") &&
	       !meaning_of_message(line->text);
}

/*
 * QEMU's words for KVM_EXIT_INTERNAL_ERROR: "extra data[0]: 0x0000000080000b0e", of suberror 3 the
 * vectoring info, the exit reason, the exit qualification, the GPA and a CPU. AMD's exits have the
 * GPA in place of the vectoring info, and the error code in place of the qualification. Kernels
 * before 6.14 print the GPA for EPT misconfigurations only.
 */
static void take_delivery(struct km_log_entry *entry, char index, uint64_t value)
{
	switch (index) {
	case '0':
		entry->vectoring = value;
		entry->has_vectoring = true;
		break;
	case '1':
		entry->reason = value;
		if (value < SVM_EXITS)
			break;
		entry->address = entry->vectoring;
		entry->has_address = true;
		entry->has_vectoring = false;
		break;
	case '2':
		entry->qualification = value;
		entry->has_exit = true;
		break;
	case '3':
		entry->extra = value;
		break;
	case '4':
		if (entry->has_address || entry->extra == ~0ULL)
			break;
		entry->address = entry->extra;
		entry->has_address = true;
		break;
	default:
		break;
	}
}

static bool take_extra_data(struct km_log *log, const struct line *line)
{
	struct km_log_entry *entry = log->open;
	const char *at = line->text;
	uint64_t value;

	if (strncmp(at, "extra data[", 11) || !number_after(at, "]", &value))
		return false;
	if (entry && strstr(entry->text, "Suberror: 3"))
		take_delivery(entry, at[11], value);
	return true;
}

/* Does the message begin as KVM's messages do? */
static bool is_kvm(const char *text)
{
	static const char *const heads[] = {
		"error: kvm run", "kvm",   "KVM",   "SVM: ", "SEV: ", "svm: ",	"vmx: ",
		"SEAMCALL",	  "tdx: ", "TDX: ", "vcpu",  "EPT: ", "ept_mis"};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (!strncmp(text, heads[i], strlen(heads[i])))
			return true;
	}
	return false;
}

static bool take_message(struct km_log *log, const struct line *line)
{
	const char *means = meaning_of_message(line->text);
	bool by_kvm = line->by_kvm || is_kvm(line->text);
	struct km_log_entry *entry;

	/* a line of a call trace */
	if (strstr(line->text, "+0x") && strstr(line->text, "/0x"))
		return false;
	if (!by_kvm && (!means || !line->stamp || strlen(line->text) < 12))
		return false;
	if (!by_kvm && !strcmp(means, "the guest performed an operation that KVM does not emulate"))
		return false;
	/* begins with a word of KVM's, but is not a known message */
	if (!means && !line->stamp)
		return false;
	entry = add(log, KM_LOG_MESSAGE, line->text, line->stamp, line->len, line->number);
	if (entry && means && *means)
		entry->means = means;
	if (!entry)
		return true;
	entry->has_vectoring = number_after(line->text, "vectoring info", &entry->vectoring);
	entry->has_status = strstr(line->text, "SEAMCALL")
				    ? number_after(line->text, "failed:", &entry->status)
				    : number_after(line->text, "vp_enter_ret", &entry->status);
	return true;
}

bool km_log_begins(const char *text)
{
	static const char *const beginnings[] = {
		"------ spte", "spte = 0x", "EPT: ",	      "ept_misconfig_",
		"WARNING: ",   "as_id: ",   "kernel BUG at ", "[ cut here ]"};

	text = behind_module(km_skip_blanks(text));
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (!strncmp(text, beginnings[i], strlen(beginnings[i])))
			return true;
	}
	return strstr(text, "get_mmio_spte: ") || strstr(text, "SPTE change!") ||
	       strstr(text, "[ end trace") || (is_kvm(text) && meaning_of_message(text));
}

enum km_log_taken km_log_line(struct km_log *log, const char *message, const char *stamp,
			      size_t len, uint64_t number)
{
	const char *text = km_skip_blanks(message), *behind = behind_module(text);
	struct line line = {behind, stamp, len, number, names_module(text)};

	log->messages += stamp != NULL;
	if (strstr(line.text, "[ cut here ]") || strstr(line.text, "[ end trace")) {
		log->in_splat = false;
		log->open = NULL;
		return KM_LOG_NOT_KVM;
	}
	if (take_hierarchy(log, &line) || take_misconfiguration(log, &line) ||
	    take_spte(log, &line) || take_spte_in_text(log, &line) || take_change(log, &line) ||
	    take_warn(log, &line) || take_function(log, &line) || take_registers(log, &line) ||
	    take_vmcs(log, &line) || take_extra_data(log, &line) || take_message(log, &line))
		return KM_LOG_TAKEN;
	return KM_LOG_NOT_KVM;
}
