// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host_facts.h"

#include "host/host_config.h"
#include "host/host_time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a fact, or why it is not known ---- */

__attribute__((format(printf, 2, 3))) static void say(struct km_host_fact *f, const char *fmt, ...)
{
	size_t len = strlen(f->text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->text + len, sizeof(f->text) - len, fmt, args);
	va_end(args);
}

/* A capsule has only symbols that were there and were asked for when it was made. */
static void lacks_symbol(const struct km_kernel *k, struct km_host_fact *f, const char *symbol)
{
	f->lacking = km_target_info(km_memory_target(k->mem));
	if (f->lacking)
		snprintf(f->why, sizeof(f->why), "not in this capsule, or not in this kernel (%s)",
			 symbol);
	else
		snprintf(f->why, sizeof(f->why), "this kernel has no symbol %s", symbol);
}

static void lacks_member(struct km_host_fact *f, struct km_val val, enum km_member_id id)
{
	snprintf(f->why, sizeof(f->why), "%s %s", km_member_name(id),
		 val.known == KM_ABSENT ? "is not in the type information"
					: "is not readable in the dump");
}

/* Return true if @val, the variable @symbol, is known; otherwise report why not. */
static bool has(const struct km_kernel *k, struct km_host_fact *f, const char *symbol,
		struct km_val val)
{
	if (val.known == KM_ABSENT)
		lacks_symbol(k, f, symbol);
	else if (val.known == KM_UNREADABLE)
		snprintf(f->why, sizeof(f->why), "%s is not readable in the dump", symbol);
	return km_is_known(val);
}

/* Read the characters at @addr; whitespace at the end is dropped. */
static void read_text(const struct km_kernel *k, struct km_host_fact *f, uint64_t addr,
		      const char *symbol, bool record)
{
	km_scoped_error *err =
		km_read_string_as(k->mem, addr, f->text, sizeof(f->text), record ? symbol : NULL);
	size_t len = strlen(f->text);

	while (len && strchr(" \n\t", f->text[len - 1]))
		f->text[--len] = '\0';
	if (!err && *f->text)
		return;
	snprintf(f->why, sizeof(f->why), "%s is %s", symbol,
		 err ? "not readable in the dump" : "empty");
	f->text[0] = '\0';
}

static void read_symbol_text(const struct km_kernel *k, struct km_host_fact *f, const char *symbol)
{
	uint64_t addr;

	if (km_kernel_symbol(k, symbol, &addr))
		read_text(k, f, addr, symbol, true);
	else
		lacks_symbol(k, f, symbol);
}

/* ---- the kernel ---- */

static void read_build(const struct km_kernel *k, struct km_host_fact *f)
{
	read_symbol_text(k, f, "linux_banner");
}

/* It may name machines and disks. */
static void read_command_line(const struct km_kernel *k, struct km_host_fact *f)
{
	const struct km_recorder *rec = km_memory_recorder(k->mem);
	const struct km_target *target = km_memory_target(k->mem);
	struct km_val at;

	if (km_target_lacks_names(target)) {
		snprintf(f->why, sizeof(f->why), "in a capsule only with --with-names");
		return;
	}
	if (rec && !rec->names)
		return;
	at = km_kernel_variable(k, "saved_command_line", 8);
	if (has(k, f, "saved_command_line", at))
		read_text(k, f, at.v, "saved_command_line", true);
}

/* Letters of /proc/sys/kernel/tainted, bit 0 first; kernel/panic.c, taint_flags[] */
static void read_taint(const struct km_kernel *k, struct km_host_fact *f)
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTNJ";
	struct km_val taint = km_kernel_variable(k, "tainted_mask", 8);

	if (!has(k, f, "tainted_mask", taint))
		return;
	say(f, "%" PRIu64, taint.v);
	if (!taint.v)
		return;
	say(f, " (");
	for (unsigned bit = 0; bit < sizeof(letters) - 1; bit++) {
		if (taint.v >> bit & 1)
			say(f, "%c", letters[bit]);
	}
	say(f, ")");
}

static void read_preemption(const struct km_kernel *k, struct km_host_fact *f)
{
	static const char *const modes[] = {"none", "voluntary", "full", "lazy"};
	struct km_val mode = km_kernel_variable(k, "preempt_dynamic_mode", 4);

	if (!has(k, f, "preempt_dynamic_mode", mode))
		return;
	if (mode.v < sizeof(modes) / sizeof(modes[0]))
		say(f, "%s (PREEMPT_DYNAMIC)", modes[mode.v]);
	else
		say(f, "preempt_dynamic_mode %" PRId32, (int32_t)mode.v);
}

static void read_config(const struct km_kernel *k, struct km_host_fact *f)
{
	uint64_t start, end;

	if (!km_kernel_symbol(k, "kernel_config_data", &start) ||
	    !km_kernel_symbol(k, "kernel_config_data_end", &end)) {
		lacks_symbol(k, f, "kernel_config_data");
		return;
	}
	km_host_config_read(k->mem, start, end, f->text, sizeof(f->text), f->why, sizeof(f->why));
}

/* ---- the processor ---- */

static void read_cpu(const struct km_kernel *k, struct km_host_fact *f)
{
	uint64_t addr;
	struct km_val family, model, stepping;
	km_scoped_error *err = NULL;
	char name[80];

	if (!km_kernel_symbol(k, "boot_cpu_data", &addr)) {
		lacks_symbol(k, f, "boot_cpu_data");
		return;
	}
	family = km_kget(k, addr, KM_M_cpuinfo_x86_x86);
	model = km_kget(k, addr, KM_M_cpuinfo_x86_x86_model);
	stepping = km_kget(k, addr, KM_M_cpuinfo_x86_x86_stepping);
	if (!km_is_known(family)) {
		lacks_member(f, family, KM_M_cpuinfo_x86_x86);
		return;
	}
	err = km_get_string(k->mem, k->layout, addr, KM_M_cpuinfo_x86_x86_model_id, name,
			    sizeof(name));
	say(f, "%s%sfamily 0x%" PRIx64 " model 0x%" PRIx64 " stepping 0x%" PRIx64, err ? "" : name,
	    !err && *name ? ", " : "", family.v, model.v, stepping.v);
}

static void read_microcode(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val revision;
	uint64_t addr;

	if (!km_kernel_symbol(k, "boot_cpu_data", &addr)) {
		lacks_symbol(k, f, "boot_cpu_data");
		return;
	}
	revision = km_kget(k, addr, KM_M_cpuinfo_x86_microcode);
	if (km_is_known(revision))
		say(f, "0x%" PRIx64, revision.v);
	else
		lacks_member(f, revision, KM_M_cpuinfo_x86_microcode);
}

static void read_cpus(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val online = km_kernel_variable(k, "__num_online_cpus", 4);

	if (has(k, f, "__num_online_cpus", online))
		say(f, "%" PRIu64, online.v);
}

/* X86_FEATURE_HYPERVISOR: word 4, bit 31 */
static void read_hypervisor(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val word;
	uint64_t addr;

	if (!km_kernel_symbol(k, "boot_cpu_data", &addr)) {
		lacks_symbol(k, f, "boot_cpu_data");
		return;
	}
	word = km_kelem(k, addr, KM_M_cpuinfo_x86_x86_capability, 4);
	if (km_is_known(word))
		say(f, "%s",
		    word.v >> 31 & 1
			    ? "yes: CPUID has the hypervisor bit, so KVM's tables are nested "
			      "in those of another hypervisor"
			    : "no");
	else
		lacks_member(f, word, KM_M_cpuinfo_x86_x86_capability);
}

static void read_hardware(const struct km_kernel *k, struct km_host_fact *f)
{
	read_symbol_text(k, f, "dump_stack_arch_desc_str");
}

/* ---- memory ---- */

static void read_memory(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val pages = km_kernel_variable(k, "_totalram_pages", 8);

	if (has(k, f, "_totalram_pages", pages))
		say(f, "%" PRIu64 " MiB", pages.v >> 8);
}

static void read_ksm(const struct km_kernel *k, struct km_host_fact *f)
{
	static const char *const states[] = {"stopped", "running", "unmerging"};
	struct km_val run = km_kernel_variable(k, "ksm_run", 8);
	struct km_val sharing = km_kernel_variable(k, "ksm_pages_sharing", 8);

	if (!has(k, f, "ksm_run", run))
		return;
	/* KSM_RUN_OFFLINE is 4: memory is going offline */
	say(f, "%s", run.v < 3 ? states[run.v] : "offline");
	if (km_is_known(sharing))
		say(f, ", %" PRIu64 " pages shared", sharing.v);
}

static void read_numa_balancing(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val mode = km_kernel_variable(k, "sysctl_numa_balancing_mode", 4);

	if (has(k, f, "sysctl_numa_balancing_mode", mode))
		say(f, "%s (sysctl_numa_balancing_mode %" PRIu64 ")", mode.v ? "on" : "off",
		    mode.v);
}

/* TRANSPARENT_HUGEPAGE_FLAG and TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG */
static void read_thp(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val flags = km_kernel_variable(k, "transparent_hugepage_flags", 8);
	struct km_types *types = km_layout_types(k->layout);
	int64_t always = 1, madvise = 2; /* if the types have no enumerators (capsules) */

	if (!has(k, f, "transparent_hugepage_flags", flags))
		return;
	km_error_free(km_types_enumerator(types, "transparent_hugepage_flag",
					  "TRANSPARENT_HUGEPAGE_FLAG", &always));
	km_error_free(km_types_enumerator(types, "transparent_hugepage_flag",
					  "TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG", &madvise));
	say(f, "%s, transparent_hugepage_flags 0x%" PRIx64,
	    flags.v >> always & 1    ? "always"
	    : flags.v >> madvise & 1 ? "madvise"
				     : "never",
	    flags.v);
}

/* ---- time ---- */

static void read_time(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val seconds;
	uint64_t addr;
	struct tm tm;
	time_t t;
	char text[40];

	if (!km_host_timekeeper(k, &addr)) {
		lacks_symbol(k, f, "tk_core");
		return;
	}
	seconds = km_kget(k, addr, KM_M_timekeeper_xtime_sec);
	t = (time_t)seconds.v;
	if (!km_is_known(seconds))
		lacks_member(f, seconds, KM_M_timekeeper_xtime_sec);
	else if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		say(f, "%s", text);
	else
		say(f, "%" PRIu64 " s after 1970", seconds.v);
}

static void read_uptime(const struct km_kernel *k, struct km_host_fact *f)
{
	struct km_val uptime;
	uint64_t addr;
	int64_t up;

	if (!km_host_timekeeper(k, &addr)) {
		lacks_symbol(k, f, "tk_core");
		return;
	}
	uptime = km_host_uptime(k, addr);
	if (!km_is_known(uptime)) {
		lacks_member(f, uptime, KM_M_timekeeper_wall_to_monotonic_sec);
		return;
	}
	up = (int64_t)uptime.v;
	say(f, "%" PRId64 " d %" PRId64 " h %" PRId64 " min %" PRId64 " s", up / 86400,
	    up / 3600 % 24, up / 60 % 60, up % 60);
}

struct km_host_facts *km_host_facts_read(const struct km_kernel *k)
{
	static const struct {
		const char *id, *label;
		void (*read)(const struct km_kernel *k, struct km_host_fact *f);
	} table[] = {
#define KM_HOST_FACT_LINE(id, label) {#id, label, read_##id},
		KM_HOST_FACTS(KM_HOST_FACT_LINE)
#undef KM_HOST_FACT_LINE
	};
	struct km_host_facts *facts = calloc(1, sizeof(*facts));
	bool before;

	if (!facts)
		return NULL;
	/* each fact reports on its own that an older capsule lacks it */
	before = km_memory_optional(k->mem, true);
	for (size_t i = 0; i < KM_HOST_FACT_COUNT; i++) {
		facts->facts[i].id = table[i].id;
		facts->facts[i].label = table[i].label;
		table[i].read(k, &facts->facts[i]);
	}
	km_host_params_read(k, &facts->params);
	km_memory_optional(k->mem, before);
	return facts;
}
