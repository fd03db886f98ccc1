// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace_line.h"

#include "trace/characters.h"
#include "trace/trace_fields.h"
#include "trace/trace_head.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* KVM_ISA_* and numbers of exit reasons, as raw fields have them. */
#define ISA_VMX		  1
#define ISA_SVM		  2
#define VMX_EPT_VIOLATION 48
#define VMX_EPT_MISCONFIG 49
#define SVM_NPF		  0x400
#define PAGE_SHIFT	  12
#define MOST_IN_FRONT	  6 /* words before the first pair */
#define NO_VALUE                                                                                   \
	(struct km_trace_word)                                                                     \
	{                                                                                          \
		.at = ""                                                                           \
	}

/* --- parts of events --- */

/* "P|W|U" with a hexadecimal rest; nothing means 0. */
static bool flags(const struct km_trace_fields *f, const char *name, uint64_t *value)
{
	static const struct {
		const char *name;
		uint64_t mask;
	} names[] = {{"P", PFERR_PRESENT_MASK},
		     {"W", PFERR_WRITE_MASK},
		     {"U", PFERR_USER_MASK},
		     {"RSVD", PFERR_RSVD_MASK},
		     {"F", PFERR_FETCH_MASK}};
	struct km_trace_word rest = km_trace_field(f, KM_NAMES(name));

	*value = 0;
	if (!rest.at[0])
		return false;
	if (f->raw && rest.mark)
		return km_trace_decimal(f, KM_NAMES(name), value) || km_trace_word_hex(rest, value);
	if (km_trace_word_is(rest, "sptep"))
		return true;
	while (rest.len) {
		const char *bar = memchr(rest.at, '|', rest.len);
		struct km_trace_word word = rest;
		uint64_t bits = 0;
		size_t i = 0;

		word.len = bar ? (size_t)(bar - rest.at) : rest.len;
		while (i < 5 && !km_trace_word_is(word, names[i].name))
			i++;
		if (i < 5)
			bits = names[i].mask;
		else if (!km_trace_word_hex(word, &bits))
			return false;
		*value |= bits;
		rest.at += word.len + (bar != NULL);
		rest.len -= word.len + (bar != NULL);
	}
	return true;
}

static bool flag(const struct km_trace_fields *f, const char *name, bool *value)
{
	struct km_trace_word word = km_trace_field(f, KM_NAMES(name));

	*value = km_trace_word_is(word, "1");
	return *value || km_trace_word_is(word, "0");
}

static bool page_fault(const struct km_trace_fields *f, struct km_trace_event *e)
{
	e->has_address = km_trace_hex(
		f, KM_NAMES("address", "fault_address", "gpa", "gva", "addr", "cr2_or_gpa"),
		&e->address);
	return e->has_address && km_trace_hex(f,
					      KM_NAMES("error_code", "error", "err", "pfec", "ec",
						       "exit_qualification"),
					      &e->error_code);
}

static bool fast_page_fault(const struct km_trace_fields *f, struct km_trace_event *e)
{
	e->has_address = km_trace_hex(f, KM_NAMES("gva", "cr2_or_gpa", "gpa", "addr", "address"),
				      &e->address);
	if (!e->has_address || !flags(f, "error_code", &e->error_code) ||
	    !km_trace_hex(f, KM_NAMES("old", "old_spte"), &e->old_spte) ||
	    !km_trace_hex(f, KM_NAMES("new", "new_spte"), &e->new_spte))
		return false;
	/* the numbers of RET_PF_* differ between kernels */
	e->no_outcome = f->raw && km_trace_field(f, KM_NAMES("ret")).len;
	return e->no_outcome || (flag(f, "spurious", &e->spurious) && flag(f, "fixed", &e->fixed) &&
				 !(e->spurious && e->fixed));
}

static enum km_trace_reason reason_named(struct km_trace_word word)
{
	static const struct {
		const char *name;
		enum km_trace_reason reason;
	} names[] = {
		{"EPT_VIOLATION", KM_REASON_EPT_VIOLATION},
		{"EPT_MISCONFIG", KM_REASON_EPT_MISCONFIG},
		{"npf", KM_REASON_NPF},
		{"EXIT_NPF", KM_REASON_NPF},
		{"NPF", KM_REASON_NPF},
		{"EXTERNAL_INTERRUPT", KM_REASON_EXTERNAL},
		{"INTERRUPT_WINDOW", KM_REASON_EXTERNAL},
		{"PREEMPTION_TIMER", KM_REASON_EXTERNAL},
		{"interrupt", KM_REASON_EXTERNAL},
		{"EXIT_INTR", KM_REASON_EXTERNAL},
		{"nmi", KM_REASON_EXTERNAL},
		{"EXIT_NMI", KM_REASON_EXTERNAL},
		{"vintr", KM_REASON_EXTERNAL},
		{"EXIT_VINTR", KM_REASON_EXTERNAL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (km_trace_word_is(word, names[i].name))
			return names[i].reason;
	}
	return KM_REASON_OTHER;
}

static enum km_trace_reason reason_numbered(uint64_t number, uint64_t isa)
{
	if (isa == ISA_SVM)
		return number == SVM_NPF ? KM_REASON_NPF : KM_REASON_OTHER;
	if ((number & 0xffff) == VMX_EPT_VIOLATION)
		return KM_REASON_EPT_VIOLATION;
	if ((number & 0xffff) == VMX_EPT_MISCONFIG)
		return KM_REASON_EPT_MISCONFIG;
	return (number & 0xffff) == 1 ? KM_REASON_EXTERNAL : KM_REASON_OTHER;
}

/* The word after the value of "info". */
static struct km_trace_word second_info(const struct km_trace_fields *f)
{
	for (size_t i = 0; i + 2 < f->count; i++) {
		if (km_trace_word_is(f->words[i], "info"))
			return f->words[i + 2];
	}
	return NO_VALUE;
}

/* "info1 ... info2 ...", "ext_inf1: ...", before 5.10 "info 184 0". */
static bool exit_infos(const struct km_trace_fields *f, const struct km_trace_event *e,
		       uint64_t *info1, uint64_t *info2)
{
	if (km_trace_hex(f, KM_NAMES("info1", "exit_info1", "ext_inf1"), info1))
		return km_trace_hex(f, KM_NAMES("info2", "exit_info2", "ext_inf2"), info2) ||
		       e->reason == KM_REASON_EPT_VIOLATION;
	return km_trace_hex(f, KM_NAMES("info"), info1) && km_trace_word_hex(second_info(f), info2);
}

static bool exit_of_guest(const struct km_trace_fields *f, struct km_trace_event *e)
{
	struct km_trace_word reason =
		km_trace_field(f, KM_NAMES("reason", "exit_reason", "exit_code"));
	uint64_t info1 = 0, info2 = 0, number, isa = ISA_VMX;

	if (!reason.len)
		return false;
	if (isdigit((unsigned char)*reason.at) &&
	    km_trace_decimal(f, KM_NAMES("reason", "exit_reason", "exit_code"), &number)) {
		km_trace_decimal(f, KM_NAMES("isa"), &isa);
		e->reason = reason_numbered(number, isa);
	} else {
		e->reason = reason_named(reason);
	}
	if (e->reason == KM_REASON_OTHER || e->reason == KM_REASON_EXTERNAL)
		return true;
	if (!exit_infos(f, e, &info1, &info2))
		return e->reason == KM_REASON_EPT_MISCONFIG;
	e->error_code = info1;
	if (e->reason == KM_REASON_NPF) {
		e->has_address = true;
		e->address = info2;
		km_trace_hex(f, KM_NAMES("intr_info", "exit_int_info", "ext_int"), &e->vectoring);
	} else {
		e->vectoring = info2;
	}
	return true;
}

/* "reason error (14)", "reason KVM_EXIT_MMIO (6)"; raw: errno=-14 reason=... */
static bool userspace_exit(const struct km_trace_fields *f, struct km_trace_event *e)
{
	struct km_trace_word reason = km_trace_field(f, KM_NAMES("reason")), negative = NO_VALUE;
	const char *open;

	if (f->raw)
		negative = km_trace_field(f, KM_NAMES("errno"));
	if (negative.len > 1 && *negative.at == '-') {
		e->error = true;
		e->number = (unsigned)strtoul(negative.at + 1, NULL, 10);
		return true;
	}
	if (!reason.len)
		return false;
	if (isdigit((unsigned char)*reason.at)) {
		e->number = (unsigned)strtoul(reason.at, NULL, 10);
		return true;
	}
	e->error = km_trace_word_is(reason, "error") || km_trace_word_is(reason, "restart");
	open = strchr(reason.at, '(');
	if (!open || !isdigit((unsigned char)open[1]))
		return false;
	e->number = (unsigned)strtoul(open + 1, NULL, 10);
	return true;
}

/* "#PF (0x2)", raw "exception=14" */
static bool injected(const char *text, const struct km_trace_fields *f, struct km_trace_event *e)
{
	const char *at = strchr(text, '#');
	uint64_t vector;

	if (at) {
		size_t len = strcspn(at, " \t(");

		if (len >= sizeof(e->exception))
			return false;
		memcpy(e->exception, at, len);
		return len > 1;
	}
	if (!km_trace_decimal(f, KM_NAMES("exception"), &vector) || vector > 255)
		return false;
	strcpy(e->exception, vector == 14   ? "#PF"
			     : vector == 6  ? "#UD"
			     : vector == 13 ? "#GP"
					    : "#?");
	e->number = (unsigned)vector;
	return true;
}

static bool read_level(const struct km_trace_fields *f, struct km_trace_event *e)
{
	uint64_t level;

	if (!km_trace_decimal(f, KM_NAMES("level"), &level) || level > PG_LEVEL_256T)
		return false;
	e->level = (int)level;
	return true;
}

/* A range "0x1000 -- 0x2000" of memory attributes; others by their page table or not at all. */
static bool zap(const char *text, const struct km_trace_fields *f, struct km_trace_event *e)
{
	const char *dashes = strstr(text, " -- "), *at;
	uint64_t end;

	if (!strcmp(e->name, "kvm_vm_set_mem_attributes") && dashes) {
		at = km_skip_blanks(text);
		e->gfn = strtoull(at, NULL, 16);
		end = strtoull(dashes + 4, NULL, 16);
		e->gfns = end > e->gfn ? end - e->gfn : 0;
		return true;
	}
	if (!strcmp(e->name, "kvm_vm_set_mem_attributes") &&
	    km_trace_hex(f, KM_NAMES("start"), &e->gfn) && km_trace_hex(f, KM_NAMES("end"), &end)) {
		e->gfns = end > e->gfn ? end - e->gfn : 0;
		return true;
	}
	if (strcmp(e->name, "kvm_mmu_prepare_zap_page") ||
	    !km_trace_hex(f, KM_NAMES("gfn"), &e->gfn))
		return true;
	/* "l2": a table of this level maps 512 entries of it */
	for (size_t i = 0; i < f->count; i++) {
		const struct km_trace_word *w = &f->words[i];

		if (w->len == 2 && w->at[0] == 'l' && w->at[1] >= '1' && w->at[1] <= '5')
			e->gfns = 1ULL << 9 * (w->at[1] - '0');
	}
	return true;
}

static bool set_spte(const struct km_trace_fields *f, struct km_trace_event *e)
{
	km_trace_hex(f, KM_NAMES("gfn"), &e->gfn);
	if (strcmp(e->name, "kvm_mmu_set_spte"))
		return true; /* mark_mmio_spte() */
	if (!km_trace_hex(f, KM_NAMES("spte"), &e->new_spte) || !read_level(f, e))
		return false;
	return true;
}

static bool spte_changed(const struct km_trace_fields *f, struct km_trace_event *e)
{
	return km_trace_hex(f, KM_NAMES("gfn"), &e->gfn) &&
	       km_trace_hex(f, KM_NAMES("old_spte", "old"), &e->old_spte) &&
	       km_trace_hex(f, KM_NAMES("new_spte", "new"), &e->new_spte) &&
	       (read_level(f, e) || true);
}

static bool requested(const struct km_trace_fields *f, struct km_trace_event *e)
{
	return km_trace_hex(f, KM_NAMES("gfn"), &e->gfn) &&
	       km_trace_hex(f, KM_NAMES("pfn"), &e->pfn) && read_level(f, e);
}

static bool emulate_insn(const char *text, struct km_trace_event *e)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		len--;
	e->failed = (len > 5 && !strncmp(text + len - 5, " FAIL", 5)) ||
		    (len > 7 && !strncmp(text + len - 7, " failed", 7)) ||
		    strstr(text, "failed=1") || strstr(text, "failed: 1");
	return strchr(text, ':') || strchr(text, '=');
}

static bool paging_element(const struct km_trace_fields *f, struct km_trace_event *e)
{
	return km_trace_hex(f, KM_NAMES("pte"), &e->guest_pte) && read_level(f, e);
}

const char *km_trace_wanted_fields(enum km_trace_kind kind)
{
	switch (kind) {
	case KM_TRACE_PAGE_FAULT:
		return "address and error_code";
	case KM_TRACE_FAST_PAGE_FAULT:
		return "gva, error_code, old, new, spurious and fixed";
	case KM_TRACE_EXIT:
	case KM_TRACE_NESTED_EXIT:
		return "reason, and of EPT_VIOLATION and NPF info1 and info2";
	case KM_TRACE_EMULATE_INSN:
		return "csbase:rip:bytes";
	case KM_TRACE_REQUESTED:
		return "gfn, pfn and level";
	case KM_TRACE_SET_SPTE:
		return "gfn, spte and level";
	case KM_TRACE_SPTE_CHANGED:
		return "gfn, level, old_spte and new_spte";
	case KM_TRACE_USERSPACE_EXIT:
		return "reason NAME (NUMBER)";
	case KM_TRACE_INJECTED:
		return "#NAME (ERROR CODE)";
	default:
		return NULL;
	}
}

static bool fields_of_kind(const char *text, const struct km_trace_fields *f,
			   struct km_trace_event *e)
{
	switch (e->kind) {
	case KM_TRACE_PAGE_FAULT:
	case KM_TRACE_RMP_FAULT:
		return page_fault(f, e);
	case KM_TRACE_FAST_PAGE_FAULT:
		return fast_page_fault(f, e);
	case KM_TRACE_MMIO:
		e->has_address = km_trace_hex(f, KM_NAMES("gpa"), &e->address);
		return true;
	case KM_TRACE_EXIT:
	case KM_TRACE_NESTED_EXIT:
		return exit_of_guest(f, e);
	case KM_TRACE_EMULATE_INSN:
		return emulate_insn(text, e);
	case KM_TRACE_REQUESTED:
		return requested(f, e);
	case KM_TRACE_SET_SPTE:
		return set_spte(f, e);
	case KM_TRACE_SPTE_CHANGED:
		return spte_changed(f, e);
	case KM_TRACE_ZAP:
		return zap(text, f, e);
	case KM_TRACE_PAGING_ELEMENT:
		return paging_element(f, e);
	case KM_TRACE_USERSPACE_EXIT:
		return userspace_exit(f, e);
	case KM_TRACE_INJECTED:
		return injected(text, f, e);
	default:
		return true;
	}
}

/* "exit_reason=48 ...": the fields as they are stored, by trace-cmd report -R and perf trace. */
static bool is_raw(const struct km_trace_head *head, const struct km_trace_fields *f)
{
	size_t marked = 0;

	for (size_t i = 0; i < f->count; i++)
		marked += f->words[i].mark && f->words[i].at[f->words[i].mark] == '=';
	return head->call || (marked >= 2 && marked * 2 > f->count);
}

static bool is_decimal(struct km_trace_word word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (!km_is_digit(word.at[i]))
			return false;
	}
	return true;
}

/*
 * Older libtraceevents print raw fields in decimal, newer ones (1.4 and later) in the base of
 * TP_printk(): "gfn=81f6", "fault_address=0x00000000081f6000". Does the line show the latter?
 */
static bool shows_kernel_base(const struct km_trace_fields *f)
{
	static const char *const names[] = {"gfn",	     "pfn",	   "spte", "new_spte",
					    "old_spte",	     "cr2_or_gpa", "pte",  "addr",
					    "fault_address", "info1"};
	uint64_t number;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct km_trace_word word = km_trace_field(f, KM_NAMES(names[i]));

		if (!word.mark || is_decimal(word) || !km_trace_word_hex(word, &number))
			continue;
		/* a long is "0x7c45000" in any case */
		if (!km_begins(word.at, "0x") || word.at[2] == '0' || strstr(names[i], "spte"))
			return true;
	}
	return false;
}

static bool read_fields(const struct km_trace_head *head, struct km_trace_event *e,
			bool *kernel_base)
{
	static const char failed[] = "[FAILED TO PARSE]";
	const char *text = head->body, *mark;
	struct km_trace_fields fields;
	uint64_t id;

	e->kind = head->kind;
	e->name = head->known;
	e->vcpu = -1;
	if (!head->known || head->kind == KM_TRACE_OTHER)
		return true;
	mark = strchr(text, '[') ? strstr(text, failed) : NULL;
	if (mark)
		text = mark + sizeof(failed) - 1;
	km_trace_fields_read(text, &fields);
	fields.raw = is_raw(head, &fields);
	if (fields.raw && !*kernel_base && !head->call)
		*kernel_base = shows_kernel_base(&fields);
	fields.kernel_base = fields.raw && *kernel_base;
	if (km_trace_decimal(&fields, KM_NAMES("vcpu", "vcpu_id"), &id) && id < 1ULL << 30)
		e->vcpu = (int64_t)id;
	e->has_rip = km_trace_hex(&fields, KM_NAMES("rip", "guest_rip"), &e->rip);
	return fields_of_kind(text, &fields, e);
}

/* --- other programs: "what tid=1 gfn=0x4c00 old=0x... new=0x..." --- */

/* "comm(CPU 0/KVM)", and QEMU's name of a vCPU's thread in "comm=CPU 0/KVM": words with a blank. */
static size_t comm_length(struct km_trace_word comm)
{
	size_t len = comm.len && comm.mark && comm.at[-1] == '(' ? strcspn(comm.at, ")") : 0;

	if (len && comm.at[len])
		return len;
	if (!km_begins(comm.at, "CPU "))
		return comm.len;
	len = 4 + km_digit_span(comm.at + 4);
	return len > 4 && km_begins(comm.at + len, "/KVM") ? len + 4 : comm.len;
}

static void thread_of_pairs(const struct km_trace_fields *f, struct km_trace_event *e)
{
	struct km_trace_word comm = km_trace_field(f, KM_NAMES("comm"));
	size_t len = comm_length(comm);
	uint64_t number;

	e->has_tid = km_trace_decimal(f, KM_NAMES("tid", "pid"), &number) && number < 1u << 31;
	if (e->has_tid)
		e->tid = (uint32_t)number;
	if (km_trace_decimal(f, KM_NAMES("vcpu", "vcpu_id"), &number) && number < 1u << 16)
		e->vcpu = (int64_t)number;
	e->has_rip = km_trace_hex(f, KM_NAMES("rip", "guest_rip", "ip"), &e->rip);
	memcpy(e->comm, comm.at, len < 16 ? len : 16);
}

static size_t pairs_in(const struct km_trace_fields *f)
{
	size_t pairs = 0;

	for (size_t i = 0; i < f->count; i++)
		pairs += f->words[i].mark && f->words[i].at[f->words[i].mark] != ':';
	return pairs;
}

/* Words in front of the first pair: a time, a thread. */
static size_t words_in_front(const struct km_trace_fields *f)
{
	size_t i = 0;

	while (i < f->count && !(f->words[i].mark && f->words[i].at[f->words[i].mark] == '='))
		i++;
	return i;
}

/* Is one of the first words the name of an event, as bcc's trace prints it? */
static bool is_named_in_front(const struct km_trace_fields *f, size_t front)
{
	enum km_trace_kind kind;

	for (size_t i = 0; i < front; i++) {
		if (km_trace_name(f->words[i].at, f->words[i].len, &kind))
			return true;
	}
	return false;
}

bool km_trace_has_pairs(const char *line)
{
	struct km_trace_fields fields;

	km_trace_fields_read(line, &fields);
	return pairs_in(&fields) >= 2 || is_named_in_front(&fields, words_in_front(&fields));
}

/*
 * A line of pairs behind a few other words, which make up a fault or a change of an SPTE. Two pairs
 * are enough if the event is named.
 */
static bool pairs(const char *line, struct km_trace_event *e)
{
	struct km_trace_fields fields;
	size_t marked, front;

	km_trace_fields_read(line, &fields);
	marked = pairs_in(&fields);
	front = words_in_front(&fields);
	if (marked < 2 || front > MOST_IN_FRONT || marked * 2 < fields.count - front)
		return false;
	if (marked < 3 && !is_named_in_front(&fields, front))
		return false;
	memset(e, 0, sizeof(*e));
	e->of_pairs = true;
	e->count = 1;
	e->vcpu = -1;
	thread_of_pairs(&fields, e);
	if (spte_changed(&fields, e)) {
		e->kind = KM_TRACE_SPTE_CHANGED;
		e->name = "kvm_tdp_mmu_spte_changed";
		return true;
	}
	e->kind = KM_TRACE_PAGE_FAULT;
	e->name = "kvm_page_fault";
	return page_fault(&fields, e);
}

/* --- lines that are not events --- */

/* "CPU:1 [LOST 12 EVENTS]", "CPU:1 [12 EVENTS DROPPED]" */
static bool lost_events(const char *text, uint64_t *lost)
{
	const char *at;

	*lost = 0;
	if (!km_begins(text, "CPU:") || !strstr(text, "EVENTS"))
		return false;
	at = strchr(text, '[');
	if (!at)
		return false;
	at++;
	if (!strncmp(at, "LOST ", 5))
		at += 5;
	if (km_digit_span(at) <= 12)
		*lost = strtoull(at, NULL, 10);
	return true;
}

/* A line of a stack: "=> kvm_mmu_page_fault", perf's "ffffffffc0601234 kvm_mmu_page_fault+0x10
 * (kvm)" */
static bool is_frame(const char *text)
{
	size_t name;

	text += 2 * km_begins(text, "? ");
	name = km_trace_name_length(text);
	/* of a splat: "kvm_tdp_mmu_map+0x7ab/0xb10 arch/x86/kvm/mmu/tdp_mmu.c:1180" */
	if (name && km_begins(text + name, "+0x") && strstr(text + name, "/0x"))
		return true;
	if (*text == '=' || *text == '<')
		return km_begins(text, "=> ") || km_begins(text, "<stack trace>");
	return name >= 8 && strspn(text, "0123456789abcdef") >= 8 && strchr(text, '(') &&
	       !strchr(text, ':');
}

/* "kvm_mmu_page_fault <-handle_ept_violation", of the function tracer. */
static bool is_function(const char *text)
{
	const char *at = strchr(text, '<');

	return at && at - text > 1 && at[-1] == ' ' && isalnum((unsigned char)at[-2]) &&
	       at[1] == '-' && isalpha((unsigned char)at[2]) && !strchr(at + 2, ' ');
}

/* " 3)  |  kvm_mmu_page_fault() {" of function_graph, where a comment would be an event. */
static bool is_graph(const char *text)
{
	size_t digits = km_is_digit(*text) ? strspn(text, "0123456789.") : 0;

	if (digits && km_begins(text + digits, " |")) {
		text += digits + 2;
		text = km_skip_blanks(text);
		digits = km_digit_span(text);
	}
	return digits && text[digits] == ')' && !strstr(text, "/* ") &&
	       (strchr(text, '|') || strstr(text, " => "));
}

/* QEMU's dump of a guest's registers: "RAX=0000000000000000 RBX=...", "CR0=80010033", "Code=22 00".
 */
static bool is_register_dump(const char *text)
{
	static const char *const names[] = {
		"RAX=", "RSI=", "R8 =", "R12=", "RIP=", "EAX=",	 "ESI=", "EIP=",
		"ES =", "CS =", "SS =", "DS =", "FS =", "GS =",	 "LDT=", "TR =",
		"GDT=", "IDT=", "CR0=", "DR0=", "DR6=", "EFER=", "Code="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (km_begins(text, names[i]))
			return !km_begins(text + strlen(names[i]), "0x");
	}
	return false;
}

static bool is_only(const char *text, const char *set)
{
	return !text[strspn(text, set)];
}

/* Comments, separators, and what a shell and the tools print around a trace. */
static bool is_harmless(const char *text)
{
	static const char *const beginnings[] = {
		"#",	      "cpus=",	  "version = ", "version:",    "$ ",
		"% ",	      "```",	  "[...]",	"[snip",       "<snip",
		"(...)",      "CPU ALL",  "trace-cmd ", "perf record", "[ perf record",
		"Attaching ", "Tracing ", "root@",	"Samples:",    "Script ",
		"-- ",	      "<...>$",	  "-->",	"--->",	       "On ",
	};
	size_t len;

	if (!isalnum((unsigned char)*text) && is_only(text, " \t-=_*.~+|"))
		return true;
	if (is_frame(text) || is_function(text) || is_graph(text) || is_register_dump(text))
		return true;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (km_begins(text, beginnings[i]))
			return true;
	}
	/* "CPU 3 is empty", "cpu 3 has 12 events" */
	if (!strncasecmp(text, "cpu ", 4)) {
		len = km_digit_span(text + 4);
		return len && km_begins(text + 4 + len, " is empty");
	}
	return false;
}

enum km_trace_line km_trace_line(const char *line, struct km_trace_event *event, uint64_t *lost,
				 bool *kernel_base)
{
	struct km_trace_head head;
	enum km_trace_line found;
	const char *text = km_skip_blanks(line);

	*lost = 0;
	memset(event, 0, sizeof(*event));
	event->count = 1;
	event->vcpu = -1;
	if (is_harmless(text))
		return KM_LINE_HARMLESS;
	if (lost_events(text, lost))
		return KM_LINE_LOST;
	found = km_trace_head(line, event, &head);
	if (found == KM_LINE_EVENT && !head.known && head.prose)
		found = KM_LINE_UNNAMED;
	if (found == KM_LINE_UNNAMED &&
	    (strstr(text, "<stack trace>") || strstr(text, ": PERF_RECORD_")))
		return KM_LINE_HARMLESS;
	if (found != KM_LINE_EVENT)
		return found == KM_LINE_UNNAMED && pairs(text, event) ? KM_LINE_EVENT : found;
	if (read_fields(&head, event, kernel_base))
		return KM_LINE_EVENT;
	return head.prose ? KM_LINE_UNNAMED : KM_LINE_NO_FIELDS;
}
