// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/boot.h"

#include "host/host_time.h"
#include "kernel/kernel_types.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where the direct map is without KASLR, with page tables of 4 and of 5 levels. */
#define PAGE_OFFSET_BASE_L4 0xffff888000000000ULL
#define PAGE_OFFSET_BASE_L5 0xff11000000000000ULL

/* The times of two boots may differ by this many seconds, because each is truncated to a second. */
#define SAME_SECONDS 2

/* sysctl_bootid is static; proc_do_uuid() makes it when it is read for the first time. */
static void read_id(const struct km_kernel *k, struct km_boot *boot)
{
	uint64_t addr, words[2];
	km_scoped_error *err = NULL;

	boot->id[0] = boot->id[1] = (struct km_val){.known = KM_ABSENT};
	if (!km_kernel_symbol(k, "sysctl_bootid", &addr))
		return;
	err = km_read_virt_as(k->mem, addr, words, sizeof(words), "sysctl_bootid");
	for (int i = 0; i < 2; i++)
		boot->id[i] =
			err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(words[i]);
}

static void read_times(const struct km_kernel *k, struct km_boot *boot)
{
	uint64_t addr;

	boot->jiffies = km_kernel_variable(k, "jiffies_64", 8);
	boot->seconds = boot->uptime = (struct km_val){.known = KM_ABSENT};
	if (!km_host_timekeeper(k, &addr))
		return;
	boot->seconds = km_kget(k, addr, KM_M_timekeeper_xtime_sec);
	boot->uptime = km_host_uptime(k, addr);
}

void km_boot_read(const struct km_kernel *k, struct km_boot *boot)
{
	const struct km_capsule_info *info = km_target_info(km_memory_target(k->mem));
	bool before = km_memory_optional(k->mem, true);

	memset(boot, 0, sizeof(*boot));
	snprintf(boot->release, sizeof(boot->release), "%s", k->release);
	boot->page_offset_base = k->page_offset_base;
	boot->vmemmap_base = k->vmemmap_base;
	boot->vm_list = info && info->redacted ? 0 : k->vm_list;
	km_vmlinux_build_id_text(k, boot->build_id, sizeof(boot->build_id));
	read_id(k, boot);
	read_times(k, boot);
	km_memory_optional(k->mem, before);
}

/* ---- comparing two ---- */

__attribute__((format(printf, 3, 4))) static void say(struct km_boot_relation *r,
						      enum km_same_boot same, const char *fmt, ...)
{
	va_list args;

	r->same = same;
	va_start(args, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, args);
	va_end(args);
}

static bool has_id(const struct km_boot *boot)
{
	return km_is_known(boot->id[0]) && km_is_known(boot->id[1]) &&
	       (boot->id[0].v || boot->id[1].v);
}

static bool has_bases(const struct km_boot *boot)
{
	return boot->page_offset_base && boot->vmemmap_base;
}

static bool has_kaslr(const struct km_boot *boot)
{
	return has_bases(boot) && boot->page_offset_base != PAGE_OFFSET_BASE_L4 &&
	       boot->page_offset_base != PAGE_OFFSET_BASE_L5;
}

static bool has_boot_time(const struct km_boot *boot)
{
	return km_is_known(boot->seconds) && km_is_known(boot->uptime);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Is one of the facts different that cannot change while a kernel runs? */
static bool differs(const struct km_boot *a, const struct km_boot *b, struct km_boot_relation *r)
{
	if (strcmp(a->release, b->release))
		say(r, KM_BOOT_DIFFERS, "the kernels are %.65s and %.65s", a->release, b->release);
	else if (*a->build_id && *b->build_id && strcmp(a->build_id, b->build_id))
		say(r, KM_BOOT_DIFFERS, "the build-ids of vmlinux differ");
	else if (has_id(a) && has_id(b) && (a->id[0].v != b->id[0].v || a->id[1].v != b->id[1].v))
		say(r, KM_BOOT_DIFFERS, "the boot_id differs");
	else if (has_bases(a) && has_bases(b) &&
		 (a->page_offset_base != b->page_offset_base || a->vmemmap_base != b->vmemmap_base))
		say(r, KM_BOOT_DIFFERS,
		    "KASLR chose other addresses: page_offset_base is 0x%" PRIx64 " and 0x%" PRIx64,
		    a->page_offset_base, b->page_offset_base);
	else
		return false;
	return true;
}

/* Nothing differs: what confirms that it is the same boot? */
static void confirm(const struct km_boot *a, const struct km_boot *b, struct km_boot_relation *r)
{
	uint64_t apart = distance(a->seconds.v - a->uptime.v, b->seconds.v - b->uptime.v);
	bool times = has_boot_time(a) && has_boot_time(b);

	if (has_id(a) && has_id(b))
		say(r, KM_BOOT_SAME, "the boot_id is the same");
	else if (a->vm_list && b->vm_list && a->vm_list != b->vm_list)
		say(r, KM_BOOT_UNKNOWN,
		    "vm_list is at another address: another boot, or kvm was loaded again");
	else if (times && apart <= SAME_SECONDS)
		say(r, KM_BOOT_SAME, "the kernel%s the time of the boot are the same",
		    has_bases(a) && has_bases(b) ? ", its addresses and" : " and");
	else if (has_kaslr(a) && has_kaslr(b))
		say(r, KM_BOOT_SAME, "the kernel and the addresses that KASLR chose are the same");
	else if (times)
		say(r, KM_BOOT_UNKNOWN,
		    "by the clock, the boots are %" PRIu64
		    " s apart: another boot, or the clock was set",
		    apart);
	else
		say(r, KM_BOOT_UNKNOWN, "%s, and boot_id or the time of the boot is not known",
		    has_bases(a) && has_bases(b) ? "there is no KASLR" : "addresses are redacted");
}

static void find_order(const struct km_boot *a, const struct km_boot *b, struct km_boot_relation *r)
{
	struct km_val first = a->uptime, second = b->uptime;

	r->has_interval = km_is_known(first) && km_is_known(second);
	if (r->has_interval)
		r->interval = distance(first.v, second.v);
	if (km_is_known(a->jiffies) && km_is_known(b->jiffies)) {
		first = a->jiffies;
		second = b->jiffies;
		r->order_known = true;
		r->same_moment = first.v == second.v;
	} else {
		/* within a second, it does not decide */
		r->order_known = r->has_interval && r->interval;
	}
	r->later = r->order_known && second.v > first.v;
}

void km_boot_compare(const struct km_boot *a, const struct km_boot *b, struct km_boot_relation *r)
{
	memset(r, 0, sizeof(*r));
	if (differs(a, b, r))
		return;
	confirm(a, b, r);
	find_order(a, b, r);
}

bool km_boot_reversed(const struct km_boot_relation *r)
{
	return r->order_known && !r->later && !r->same_moment;
}

const char *km_same_boot_text(enum km_same_boot same)
{
	static const char *const texts[] = {
		[KM_BOOT_UNKNOWN] = "unknown",
		[KM_BOOT_SAME] = "yes",
		[KM_BOOT_DIFFERS] = "no",
	};

	return texts[same];
}
