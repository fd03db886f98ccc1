// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/text.h"

#include "base/loop.h"
#include "base/names.h"
#include "kernel/orc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any kernel has; larger numbers mean a corrupted structure. */
#define MAX_TEXT      (1ULL << 30)
#define KSYM_NAME_LEN 512

/* A range of code and its ORC tables: addresses, relative to themselves, and entries. */
struct code {
	uint64_t start, end;
	uint64_t orc_ip, orc;
	uint64_t orcs;	   /* entries in both */
	uint64_t module;   /* struct module; 0: vmlinux */
	bool symbols_read; /* into symbols; those of kvm and vendor module are in struct km_kernel
			    */
	struct km_module symbols;
};

/* A function that was found before: stacks of many threads have the same addresses. */
struct found {
	uint64_t addr; /* that was asked for; 0: none */
	uint64_t offset;
	char name[112]; /* a longer one is not kept */
};

#define FOUND 1024

struct km_text {
	bool read;
	struct found found[FOUND]; /* by address */
	struct code *codes;	   /* vmlinux is the first */
	size_t count;
	struct km_orc_codes orc_codes;
	bool orc_known;
	struct km_names names; /* of km_function_name_at() */
};

static bool symbol(const struct km_kernel *k, const char *name, uint64_t *addr)
{
	struct km_target *target = km_memory_target(k->mem);

	return target->ops->symbol(target, name, addr);
}

static struct code *add_code(struct km_text *text)
{
	struct code *grown = reallocarray(text->codes, text->count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	text->codes = grown;
	memset(&grown[text->count], 0, sizeof(*grown));
	return &grown[text->count++];
}

static km_error *add_kernel(const struct km_kernel *k, struct km_text *text)
{
	struct code *code = add_code(text);
	uint64_t ip_end, orc_end;

	if (!code)
		return km_errorf(KM_ENOMEM, "out of memory");
	if (!symbol(k, "_stext", &code->start) || !symbol(k, "_etext", &code->end) ||
	    code->end - code->start > MAX_TEXT)
		code->start = code->end = 0;
	if (symbol(k, "__start_orc_unwind_ip", &code->orc_ip) &&
	    symbol(k, "__stop_orc_unwind_ip", &ip_end) &&
	    symbol(k, "__start_orc_unwind", &code->orc) &&
	    symbol(k, "__stop_orc_unwind", &orc_end) && ip_end > code->orc_ip &&
	    (ip_end - code->orc_ip) / KM_ORC_IP_SIZE == (orc_end - code->orc) / KM_ORC_SIZE)
		code->orcs = (ip_end - code->orc_ip) / KM_ORC_IP_SIZE;
	return NULL;
}

static km_error *add_module(const struct km_kernel *k, uint64_t addr, struct km_text *text)
{
	struct km_val base = km_kget(k, addr, KM_M_module_text_base);
	struct km_val size = km_kget(k, addr, KM_M_module_text_size);
	struct km_val num = km_kget(k, addr, KM_M_module_num_orcs);
	struct km_val ip = km_kget(k, addr, KM_M_module_orc_unwind_ip);
	struct km_val orc = km_kget(k, addr, KM_M_module_orc_unwind);
	struct code *code;

	if (!km_is_known(base) || !km_is_known(size) || !size.v || size.v > MAX_TEXT)
		return NULL;
	code = add_code(text);
	if (!code)
		return km_errorf(KM_ENOMEM, "out of memory");
	code->module = addr;
	code->start = base.v;
	code->end = base.v + size.v;
	if (km_is_known(num) && km_is_known(ip) && km_is_known(orc)) {
		code->orcs = num.v;
		code->orc_ip = ip.v;
		code->orc = orc.v;
	}
	return NULL;
}

static km_error *add_modules(const struct km_kernel *k, struct km_text *text)
{
	const struct km_member *list = km_layout_member(k->layout, KM_M_module_list);
	struct km_loop loop = {0};
	struct km_val next;
	uint64_t head;

	if (!list || !symbol(k, "modules", &head))
		return NULL;
	next = km_kget(k, head, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head && !km_loop_step(&loop, next.v)) {
		km_error *err = km_check_interrupt(k->mem);

		if (!err)
			err = add_module(k, next.v - list->offset, text);
		if (err)
			return err;
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
	/* an unreadable rest of the list is not an error: kvm itself was found before */
	return NULL;
}

/* Find the raw entry for @addr in the tables of @code. */
static bool find_raw(const struct km_kernel *k, const struct code *code, uint64_t addr,
		     struct km_orc_raw *raw)
{
	uint64_t low = 0, high = code->orcs;
	km_scoped_error *err = NULL;

	/* find the last entry that starts at or before @addr */
	while (low < high) {
		uint64_t mid = low + (high - low) / 2, at = code->orc_ip + mid * KM_ORC_IP_SIZE;
		int32_t offset;

		err = km_read_virt(k->mem, at, &offset, sizeof(offset));
		if (err)
			return false;
		if (at + (uint64_t)(int64_t)offset <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	err = km_read_virt(k->mem, code->orc + (low - 1) * KM_ORC_SIZE, raw, sizeof(*raw));
	return !err;
}

km_error *km_text_read(const struct km_kernel *k)
{
	struct km_text *text = k->text;
	struct km_orc_raw raw;
	uint64_t schedule;
	km_error *err;

	if (text->read)
		return NULL;
	err = add_kernel(k, text);
	if (!err)
		err = add_modules(k, text);
	if (err) {
		/* the next call starts from the beginning */
		free(text->codes);
		text->codes = NULL;
		text->count = 0;
		return err;
	}
	text->read = true;
	text->orc_known = symbol(k, "schedule", &schedule) &&
			  find_raw(k, &text->codes[0], schedule, &raw) &&
			  km_orc_codes_find(&raw, &text->orc_codes);
	return NULL;
}

struct km_text *km_text_new(void)
{
	return calloc(1, sizeof(struct km_text));
}

void km_text_free(struct km_text *text)
{
	if (!text)
		return;
	for (size_t i = 0; i < text->count; i++)
		km_module_deinit(&text->codes[i].symbols);
	km_names_deinit(&text->names);
	free(text->codes);
	free(text);
}

static struct code *code_of(const struct km_kernel *k, uint64_t addr)
{
	for (size_t i = 0; i < k->text->count; i++) {
		struct code *code = &k->text->codes[i];

		if (addr >= code->start && addr < code->end)
			return code;
	}
	return NULL;
}

bool km_is_text(const struct km_kernel *k, uint64_t addr)
{
	return code_of(k, addr);
}

static const struct km_module *symbols_of(const struct km_kernel *k, struct code *code)
{
	if (code->module == k->kvm.addr)
		return &k->kvm;
	if (code->module == k->vendor_module.addr)
		return &k->vendor_module;
	if (!code->symbols_read) {
		code->symbols_read = true;
		code->symbols.addr = code->module;
		km_error_free(km_module_read_symbols(k->mem, k->layout, &code->symbols));
	}
	return &code->symbols;
}

/* The last symbol from @start up to @addr. */
static const struct km_module_symbol *function_in(const struct km_module *module, uint64_t start,
						  uint64_t addr)
{
	const struct km_module_symbol *best = NULL;

	for (size_t i = 0; i < module->count; i++) {
		const struct km_module_symbol *s = &module->symbols[i];

		if (s->addr >= start && s->addr <= addr && (!best || s->addr > best->addr))
			best = s;
	}
	return best;
}

static bool find_function(const struct km_kernel *k, struct code *code, uint64_t addr, char *name,
			  size_t size, uint64_t *offset)
{
	struct km_target *target = km_memory_target(k->mem);
	const struct km_module_symbol *best;

	if (!code->module)
		return target->ops->symbol_at &&
		       target->ops->symbol_at(target, addr, name, size, offset);
	best = function_in(symbols_of(k, code), code->start, addr);
	if (best) {
		snprintf(name, size, "%s", best->name);
		*offset = addr - best->addr;
	}
	return best;
}

bool km_function_at(const struct km_kernel *k, uint64_t addr, char *name, size_t size,
		    uint64_t *offset)
{
	struct code *code = code_of(k, addr);
	struct found *found = &k->text->found[(addr ^ addr >> 10) % FOUND];
	char whole[KSYM_NAME_LEN];

	name[0] = '\0';
	*offset = 0;
	if (!code)
		return false;
	if (found->addr == addr && addr) {
		snprintf(name, size, "%s", found->name);
		*offset = found->offset;
		return true;
	}
	if (!find_function(k, code, addr, whole, sizeof(whole), offset))
		return false;
	if (strlen(whole) < sizeof(found->name)) {
		found->addr = addr;
		found->offset = *offset;
		memcpy(found->name, whole, strlen(whole) + 1);
	}
	snprintf(name, size, "%s", whole);
	return true;
}

const char *km_function_name_at(const struct km_kernel *k, uint64_t addr, uint64_t *offset)
{
	char name[64];
	const char *kept;

	km_function_at(k, addr, name, sizeof(name), offset);
	kept = km_names_add(&k->text->names, name, strlen(name));
	return kept ? kept : "";
}

bool km_has_orc(const struct km_kernel *k)
{
	return k->text->orc_known;
}

bool km_orc_find(const struct km_kernel *k, uint64_t addr, struct km_orc *orc)
{
	const struct code *code = code_of(k, addr);
	struct km_orc_raw raw;

	return k->text->orc_known && code && find_raw(k, code, addr, &raw) &&
	       km_orc_decode(&k->text->orc_codes, &raw, orc);
}
