// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/memory.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CACHE_SLOTS 512u /* pages; 2 MiB */

enum slot_state { SLOT_EMPTY, SLOT_HELD, SLOT_MISSING };

struct slot {
	uint64_t page; /* page-aligned address */
	bool phys;
	enum slot_state state;
	uint8_t *bytes;
};

/* What an answer may use, and has used. */
struct budget {
	uint64_t memory;    /* bytes charged */
	int64_t cpu_start;  /* nanoseconds */
	int64_t next_check; /* of CPU time, in nanoseconds of wall time */
	bool memory_exceeded, cpu_exceeded;
};

#define CHECK_INTERVAL 20000000 /* nanoseconds between two checks of the CPU time */

struct km_memory {
	struct km_target *target;
	struct km_recorder *recorder;
	void *missing_pages; /* tsearch() tree of their addresses; bit 0 set: physical */
	uint64_t missing, uncovered;
	time_t begun; /* when long work first reported progress; 0: no long work */
	bool shown;   /* its progress is on the screen */
	bool trying, optional;
	struct budget budget;
	struct slot slots[CACHE_SLOTS];
};

bool km_memory_optional(struct km_memory *mem, bool optional)
{
	bool before = mem->optional;

	mem->optional = optional;
	return before;
}

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void start_budget(struct km_memory *mem)
{
	mem->budget = (struct budget){.cpu_start = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)};
}

struct km_memory *km_memory_new(struct km_target *target)
{
	struct km_memory *mem = calloc(1, sizeof(*mem));

	if (!mem)
		return NULL;
	mem->target = target;
	start_budget(mem);
	return mem;
}

/* The tree's keys are addresses, not pointers to anything. */
static void free_nothing(void *address)
{
	(void)address;
}

static void forget_missing(struct km_memory *mem)
{
	tdestroy(mem->missing_pages, free_nothing);
	mem->missing_pages = NULL;
	mem->missing = 0;
}

void km_memory_forget(struct km_memory *mem)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		mem->slots[i].state = SLOT_EMPTY;
	forget_missing(mem);
	mem->uncovered = 0;
	start_budget(mem);
}

void km_memory_free(struct km_memory *mem)
{
	if (!mem)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		free(mem->slots[i].bytes);
	forget_missing(mem);
	free(mem);
}

struct km_target *km_memory_target(struct km_memory *mem)
{
	return mem->target;
}

uint64_t km_memory_missing(const struct km_memory *mem)
{
	return mem->missing;
}

uint64_t km_memory_uncovered(const struct km_memory *mem)
{
	return mem->uncovered;
}

void km_memory_record(struct km_memory *mem, struct km_recorder *rec)
{
	mem->recorder = rec;
}

struct km_recorder *km_memory_recorder(struct km_memory *mem)
{
	return mem->trying ? NULL : mem->recorder;
}

bool km_memory_try(struct km_memory *mem, bool trying)
{
	bool before = mem->trying;

	mem->trying = trying;
	return before;
}

static uint64_t memory_limit(const struct km_memory *mem)
{
	size_t limit = mem->target->limits.memory;

	return limit ? limit : KM_DEFAULT_MEMORY;
}

/* Asking for the CPU time is a system call: do so at most every CHECK_INTERVAL. */
static bool cpu_is_exceeded(struct km_memory *mem)
{
	struct budget *budget = &mem->budget;
	int64_t limit = mem->target->limits.cpu_seconds * INT64_C(1000000000), now;

	if (!limit || budget->cpu_exceeded)
		return budget->cpu_exceeded;
	now = nanoseconds(CLOCK_MONOTONIC_COARSE);
	if (now < budget->next_check)
		return false;
	budget->next_check = now + CHECK_INTERVAL;
	budget->cpu_exceeded = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - budget->cpu_start > limit;
	return budget->cpu_exceeded;
}

km_error *km_check_limits(struct km_memory *mem)
{
	if (mem->budget.memory_exceeded)
		return km_errorf(
			KM_ELIMIT,
			"stopped: this answer needs more than the limit of %" PRIu64
			" MiB of memory; select one VM or vCPU; the file may also be damaged",
			memory_limit(mem) >> 20);
	if (cpu_is_exceeded(mem))
		return km_errorf(KM_ELIMIT,
				 "stopped: this answer needs more than the limit of %u seconds of "
				 "CPU time; select one VM or vCPU; the file may also be damaged",
				 mem->target->limits.cpu_seconds);
	return NULL;
}

km_error *km_memory_charge(struct km_memory *mem, uint64_t count, size_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
	    __builtin_add_overflow(mem->budget.memory, bytes, &bytes) || bytes > memory_limit(mem))
		mem->budget.memory_exceeded = true;
	else
		mem->budget.memory = bytes;
	return km_check_limits(mem);
}

km_error *km_check_interrupt(struct km_memory *mem)
{
	if (mem->target->ops->interrupted && mem->target->ops->interrupted(mem->target))
		return km_errorf(KM_EINTR, "interrupted");
	return km_check_limits(mem);
}

void km_progress(struct km_memory *mem, const char *what, uint64_t done)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (what && !mem->begun)
		mem->begun = now.tv_sec;
	if (mem->target->ops->progress && (what ? now.tv_sec > mem->begun + 1 : mem->shown)) {
		mem->target->ops->progress(mem->target, what, done);
		mem->shown = what;
	}
	if (!what)
		mem->begun = 0;
}

static km_error *target_read(struct km_memory *mem, bool phys, uint64_t addr, void *buf, size_t len)
{
	const struct km_target_ops *ops = mem->target->ops;

	return phys ? ops->read_phys(mem->target, addr, buf, len)
		    : ops->read_virt(mem->target, addr, buf, len);
}

static int compare_addresses(const void *a, const void *b)
{
	return a < b ? -1 : a > b;
}

/* Count a page that was requested and is not there, unless it was counted before. */
static void count_missing(struct km_memory *mem, bool phys, uint64_t page)
{
	const void *address = (const void *)(uintptr_t)(page | phys);

	if (mem->missing > KM_MAX_MISSING || tfind(address, &mem->missing_pages, compare_addresses))
		return;
	tsearch(address, &mem->missing_pages, compare_addresses);
	mem->missing++;
}

static km_error *missing_page(bool phys, uint64_t page)
{
	return km_errorf(KM_EREAD, "page at %s address 0x%" PRIx64 " is not readable",
			 phys ? "physical" : "virtual", page);
}

static struct slot *slot_of(struct km_memory *mem, bool phys, uint64_t page)
{
	size_t hash = ((page >> KM_PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL) >> 48;

	return &mem->slots[(hash ^ phys) % CACHE_SLOTS];
}

/* Does the slot hold this page, or the fact that it is missing? */
static bool is_slot_of(const struct slot *slot, bool phys, uint64_t page)
{
	return slot->state != SLOT_EMPTY && slot->page == page && slot->phys == phys;
}

static km_error *cached_page(struct km_memory *mem, bool phys, uint64_t page, const uint8_t **bytes)
{
	struct slot *slot = slot_of(mem, phys, page);

	if (!is_slot_of(slot, phys, page)) {
		km_scoped_error *err = NULL;

		if (!slot->bytes && !(slot->bytes = malloc(KM_PAGE_SIZE)))
			return km_errorf(KM_ENOMEM, "out of memory");
		slot->page = page;
		slot->phys = phys;
		err = target_read(mem, phys, page, slot->bytes, KM_PAGE_SIZE);
		slot->state = err ? SLOT_MISSING : SLOT_HELD;
	}
	if (slot->state == SLOT_MISSING)
		return missing_page(phys, page);
	*bytes = slot->bytes;
	return NULL;
}

/* A capsule contains ranges of bytes, not pages: request exactly the bytes that are needed. */
static km_error *read_sparse(struct km_memory *mem, bool phys, uint64_t addr, void *buf, size_t len,
			     const char *what)
{
	uint64_t page = addr & ~(uint64_t)(KM_PAGE_SIZE - 1);
	km_error *err = target_read(mem, phys, addr, buf, len);

	if (!err)
		return NULL;
	if (km_error_code(err) == KM_EABSENT) {
		mem->uncovered += what != NULL && !mem->trying && !mem->optional;
		return err;
	}
	km_error_free(err);
	return missing_page(phys, page);
}

static void record(struct km_memory *mem, bool phys, uint64_t addr, uint32_t len, const char *what)
{
	struct km_recorder *rec = mem->recorder;
	size_t room = rec->room;

	km_recorder_add(rec, phys, addr, len, what);
	if (rec->room != room)
		km_error_free(km_memory_charge(mem, rec->room, sizeof(*rec->items)));
}

/* Read bytes within one page. */
static km_error *read_chunk(struct km_memory *mem, bool phys, uint64_t addr, void *buf, size_t len,
			    const char *what)
{
	size_t in_page = addr & (KM_PAGE_SIZE - 1);
	const uint8_t *bytes;
	km_error *err;

	if (km_target_holds_ranges(mem->target)) {
		err = read_sparse(mem, phys, addr, buf, len, what);
	} else {
		err = cached_page(mem, phys, addr - in_page, &bytes);
		if (!err)
			memcpy(buf, bytes + in_page, len);
	}
	if (mem->trying)
		return err;
	if (err && km_error_code(err) == KM_EREAD)
		count_missing(mem, phys, addr - in_page);
	if (mem->recorder && err && km_error_code(err) == KM_EREAD)
		record(mem, phys, addr - in_page, 0, "missing page");
	else if (mem->recorder && !err && what)
		record(mem, phys, addr, (uint32_t)len, what);
	return err;
}

static km_error *read_through(struct km_memory *mem, bool phys, uint64_t addr, void *buf,
			      size_t len, const char *what)
{
	uint8_t *out = buf;

	if (addr + len < addr)
		return km_errorf(KM_EREAD, "address 0x%" PRIx64 " plus %zu bytes wraps around",
				 addr, len);
	/* a corrupted pointer does not mean that the dump lacks a page */
	if (!phys && !km_is_kernel_address(addr))
		return km_errorf(KM_EREAD, "0x%" PRIx64 " is not a kernel address", addr);
	while (len) {
		size_t chunk = KM_PAGE_SIZE - (addr & (KM_PAGE_SIZE - 1));
		km_error *err;

		if (chunk > len)
			chunk = len;
		err = read_chunk(mem, phys, addr, out, chunk, what);
		if (err)
			return err;
		out += chunk;
		addr += chunk;
		len -= chunk;
	}
	return NULL;
}

km_error *km_read_virt_as(struct km_memory *mem, uint64_t va, void *buf, size_t len,
			  const char *what)
{
	return read_through(mem, false, va, buf, len, what);
}

km_error *km_read_phys_as(struct km_memory *mem, uint64_t pa, void *buf, size_t len,
			  const char *what)
{
	return read_through(mem, true, pa, buf, len, what);
}

km_error *km_read_virt(struct km_memory *mem, uint64_t va, void *buf, size_t len)
{
	return km_read_virt_as(mem, va, buf, len, NULL);
}

km_error *km_read_phys(struct km_memory *mem, uint64_t pa, void *buf, size_t len)
{
	return km_read_phys_as(mem, pa, buf, len, NULL);
}

km_error *km_read_bulk(struct km_memory *mem, uint64_t va, void *buf, size_t len)
{
	km_scoped_error *err = target_read(mem, false, va, buf, len);

	return err ? km_read_virt(mem, va, buf, len) : NULL;
}

void km_read_lossy(struct km_memory *mem, uint64_t va, void *buf, size_t len, uint64_t *missing)
{
	km_scoped_error *err = target_read(mem, false, va, buf, len);

	*missing = 0;
	for (size_t at = 0; err && at < len;) {
		size_t chunk = KM_PAGE_SIZE - ((va + at) & (KM_PAGE_SIZE - 1));
		km_scoped_error *lost = NULL;

		chunk = chunk < len - at ? chunk : len - at;
		lost = km_read_virt(mem, va + at, (uint8_t *)buf + at, chunk);
		if (lost) {
			memset((uint8_t *)buf + at, 0, chunk);
			++*missing;
		}
		at += chunk;
	}
}

km_error *km_read_string_as(struct km_memory *mem, uint64_t va, char *buf, size_t size,
			    const char *what)
{
	for (size_t i = 0; i + 1 < size; i++) {
		km_error *err = km_read_virt_as(mem, va + i, &buf[i], 1, what);

		if (err) {
			buf[i] = '\0';
			return err;
		}
		if (!buf[i])
			return NULL;
	}
	buf[size - 1] = '\0';
	return NULL;
}

km_error *km_read_string(struct km_memory *mem, uint64_t va, char *buf, size_t size)
{
	return km_read_string_as(mem, va, buf, size, NULL);
}
