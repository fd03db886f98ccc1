// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/elf_symbols.h"

#include "types/debuginfo.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct km_elf_symbols {
	struct km_debuginfo info;
	const Elf64_Sym *syms;
	size_t count;
	const char *strings;
	size_t strings_size;
	uint64_t offset;
	struct code *codes; /* in the order of compare_codes(); NULL: nothing was looked for yet */
	size_t code_count;
};

/* A symbol of code. */
struct code {
	uint64_t value;
	const char *name;
	bool weak;
};

static size_t parse_build_id(const char *hex, uint8_t *bytes, size_t size)
{
	size_t len = 0;
	unsigned byte;

	while (len < size && sscanf(hex + len * 2, "%2x", &byte) == 1)
		bytes[len++] = (uint8_t)byte;
	return len;
}

km_error *km_elf_symbols_read(const char *debug, const char *release, const char *build_id,
			      uint64_t offset, struct km_elf_symbols **out)
{
	struct km_elf_symbols *s = calloc(1, sizeof(*s));
	uint8_t id[20];
	struct km_debuginfo_query query = {
		.build_id = id,
		.build_id_len = parse_build_id(build_id, id, sizeof(id)),
		.name = "vmlinux",
		.release = release,
		.user_path = debug,
	};
	const void *syms, *strings;
	size_t size;
	km_error *err =
		s ? km_debuginfo_find(&query, &s->info) : km_errorf(KM_ENOMEM, "out of memory");

	if (!err && (!km_debuginfo_section(&s->info, ".symtab", &syms, &size) ||
		     !km_debuginfo_section(&s->info, ".strtab", &strings, &s->strings_size) ||
		     !s->strings_size || ((const char *)strings)[s->strings_size - 1]))
		err = km_errorf(KM_EDEBUGINFO, "%s has no symbol table", s->info.path);
	if (err) {
		km_elf_symbols_free(s);
		return err;
	}
	s->syms = syms;
	s->count = size / sizeof(*s->syms);
	s->strings = strings;
	s->offset = offset;
	*out = s;
	return NULL;
}

void km_elf_symbols_free(struct km_elf_symbols *s)
{
	if (!s)
		return;
	km_debuginfo_deinit(&s->info);
	free(s->codes);
	free(s);
}

bool km_elf_symbols_lookup(const struct km_elf_symbols *s, const char *name, uint64_t *addr)
{
	for (size_t i = 0; i < s->count; i++) {
		Elf64_Sym sym;

		memcpy(&sym, &s->syms[i], sizeof(sym)); /* the section may be unaligned */
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= s->strings_size ||
		    strcmp(s->strings + sym.st_name, name))
			continue;
		*addr = sym.st_value + (sym.st_shndx == SHN_ABS ? 0 : s->offset);
		return true;
	}
	return false;
}

/* Code written in assembly may have symbols without a type. */
static bool is_code(const struct km_elf_symbols *s, const Elf64_Sym *sym)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && sym->st_shndx != SHN_UNDEF &&
	       sym->st_shndx != SHN_ABS && sym->st_name < s->strings_size &&
	       s->strings[sym->st_name];
}

/* Is it a name that a linker script gives to the beginning or end of something? */
static bool is_boundary(const char *name)
{
	static const char *const begins[] = {"__start_", "__stop_", "__end_"};
	static const char *const ends[] = {"_start", "_end"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	}
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!strncmp(name, "__", 2) && len > strlen(ends[i]) &&
		    !strcmp(name + len - strlen(ends[i]), ends[i]))
			return true;
	}
	return false;
}

/* Where kallsyms puts a symbol among those at its address: less is first. */
static unsigned rank_of(const struct code *code)
{
	return (code->weak ? 0x20000U : 0) + (is_boundary(code->name) ? 0x10000U : 0) +
	       (unsigned)(strspn(code->name, "_") & 0xffff);
}

/*
 * By address; of those at one address, the last is the one to name. That is the one that kallsyms
 * prefers (compare_symbols() in scripts/kallsyms.c), so that a function has the same name wherever
 * symbols come from.
 */
static int compare_codes(const void *one, const void *other)
{
	const struct code *a = one, *b = other;
	unsigned a_rank, b_rank;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	a_rank = rank_of(a);
	b_rank = rank_of(b);
	if (a_rank != b_rank)
		return a_rank < b_rank ? 1 : -1;
	return strcmp(b->name, a->name);
}

/* A stack has many addresses, and vmlinux more than 100,000 symbols. */
static bool sort_codes(struct km_elf_symbols *s)
{
	if (s->codes)
		return true;
	s->codes = malloc((s->count + 1) * sizeof(*s->codes));
	for (size_t i = 0; s->codes && i < s->count; i++) {
		Elf64_Sym sym;

		memcpy(&sym, &s->syms[i], sizeof(sym));
		if (is_code(s, &sym))
			s->codes[s->code_count++] = (struct code){
				.value = sym.st_value,
				.name = s->strings + sym.st_name,
				.weak = ELF64_ST_BIND(sym.st_info) == STB_WEAK,
			};
	}
	if (s->codes)
		qsort(s->codes, s->code_count, sizeof(*s->codes), compare_codes);
	return s->codes;
}

bool km_elf_symbols_lookup_address(struct km_elf_symbols *s, uint64_t addr, char *name, size_t size,
				   uint64_t *offset)
{
	size_t low = 0, high;

	addr -= s->offset;
	if (!sort_codes(s))
		return false;
	high = s->code_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->codes[middle].value <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	snprintf(name, size, "%s", s->codes[low - 1].name);
	*offset = addr - s->codes[low - 1].value;
	return true;
}
