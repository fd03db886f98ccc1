// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module.h"

#include "base/loop.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any kernel has; larger numbers mean a corrupted structure. */
#define MAX_SYMBOLS (1u << 18)
#define MAX_STRINGS (16u << 20)
#define MAX_RODATA  (64u << 20)

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char ca = *a == '-' ? '_' : *a;
		char cb = *b == '-' ? '_' : *b;

		if (ca != cb)
			return false;
	}
	return *a == *b;
}

struct km_build_id km_find_build_id(struct km_memory *mem, uint64_t start, uint64_t end)
{
	static const struct {
		Elf64_Nhdr header;
		char name[4];
	} wanted = {{4, KM_BUILD_ID_SIZE, NT_GNU_BUILD_ID}, "GNU"};
	struct km_build_id id = {.len = 0};

	if (end < start || end - start > MAX_RODATA)
		return id;
	/* count offsets: addresses may wrap around at the end of the address space */
	for (uint64_t i = 0; i + sizeof(wanted) + KM_BUILD_ID_SIZE <= end - start; i += 4) {
		uint64_t at = start + i, in_page = at & (KM_PAGE_SIZE - 4);
		uint8_t found[sizeof(wanted)];
		km_scoped_error *stop = in_page ? NULL : km_check_interrupt(mem);
		km_scoped_error *err = NULL;

		if (stop)
			break;
		err = km_read_virt(mem, at, found, sizeof(found));
		if (err) {
			i += KM_PAGE_SIZE - 4 - in_page; /* continue with the next page */
			continue;
		}
		if (memcmp(found, &wanted, sizeof(wanted)))
			continue;
		err = km_read_virt(mem, at + sizeof(wanted), id.bytes, KM_BUILD_ID_SIZE);
		if (!err)
			id.len = KM_BUILD_ID_SIZE;
		break;
	}
	return id;
}

char *km_build_id_text(const struct km_build_id *id, char *buf, size_t size)
{
	if (!id->len)
		snprintf(buf, size, "unknown");
	for (uint32_t i = 0; i < id->len && i * 2 + 2 < size; i++)
		snprintf(buf + i * 2, size - i * 2, "%02x", id->bytes[i]);
	return buf;
}

static struct km_build_id module_build_id(struct km_memory *mem, struct km_layout *layout,
					  uint64_t addr)
{
	const struct km_member *m = km_layout_member(layout, KM_M_module_build_id);
	struct km_val base = km_get(mem, layout, addr, KM_M_module_rodata_base);
	struct km_val size = km_get(mem, layout, addr, KM_M_module_rodata_size);
	struct km_build_id id = {.len = 0};

	if (m && m->size == KM_BUILD_ID_SIZE) {
		km_scoped_error *err = km_read_virt(mem, addr + m->offset, id.bytes, m->size);

		id.len = err ? 0 : KM_BUILD_ID_SIZE;
	}
	if (!id.len && km_is_known(base) && km_is_known(size))
		id = km_find_build_id(mem, base.v, base.v + size.v);
	return id;
}

km_error *km_module_find(struct km_memory *mem, struct km_layout *layout, const char *name,
			 struct km_module *module)
{
	const struct km_member *list = km_layout_member(layout, KM_M_module_list);
	const struct km_member *mod_name = km_layout_member(layout, KM_M_module_name);
	struct km_target *target = km_memory_target(mem);
	uint64_t head;
	struct km_val next;
	struct km_loop loop = {0};

	memset(module, 0, sizeof(*module));
	if (!list || !mod_name)
		return km_errorf(KM_EABSENT,
				 "the type information does not describe struct module");
	if (!target->ops->symbol(target, "modules", &head))
		return km_errorf(KM_EABSENT, "no symbol \"modules\": is this a Linux kernel?");
	next = km_get(mem, layout, head, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head) {
		uint64_t addr = next.v - list->offset;
		char found[64];
		km_error *err = km_check_interrupt(mem);

		if (err)
			return err;
		if (km_loop_step(&loop, next.v))
			return km_errorf(KM_EDATA, "the module list does not end");
		err = km_read_string(mem, addr + mod_name->offset, found, sizeof(found));
		if (err)
			return km_error_context(err, "module list, after %" PRIu64 " modules",
						loop.steps - 1);
		if (same_name(found, name)) {
			module->addr = addr;
			module->build_id = module_build_id(mem, layout, addr);
			return NULL;
		}
		next = km_get(mem, layout, next.v, KM_M_list_head_next);
	}
	if (!km_is_known(next))
		return km_errorf(KM_EREAD, "the module list is not readable to its end");
	return NULL;
}

static int compare_symbols(const void *a, const void *b)
{
	const struct km_module_symbol *sa = a, *sb = b;

	return strcmp(sa->name, sb->name);
}

km_error *km_module_read_symbols(struct km_memory *mem, struct km_layout *layout,
				 struct km_module *module)
{
	struct km_val kallsyms = km_get(mem, layout, module->addr, KM_M_module_kallsyms);
	struct km_val symtab = km_get(mem, layout, kallsyms.v, KM_M_mod_kallsyms_symtab);
	struct km_val num = km_get(mem, layout, kallsyms.v, KM_M_mod_kallsyms_num_symtab);
	struct km_val strtab = km_get(mem, layout, kallsyms.v, KM_M_mod_kallsyms_strtab);
	Elf64_Sym *syms;
	size_t strings = 0;
	uint64_t lost;
	km_error *err = NULL;

	if (!km_is_known(symtab) || !km_is_known(num) || !km_is_known(strtab))
		return km_errorf(KM_EREAD, "the module's symbol table is not readable");
	if (num.v > MAX_SYMBOLS)
		return km_errorf(KM_EDATA, "%" PRIu64 " symbols in one module", num.v);
	syms = calloc(num.v + 1, sizeof(*syms));
	if (!syms)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_read_lossy(mem, symtab.v, syms, num.v * sizeof(*syms), &lost);
	module->pages_lost = lost;
	for (size_t i = 0; i < num.v; i++) {
		if (syms[i].st_name > strings)
			strings = syms[i].st_name;
	}
	if (strings > MAX_STRINGS) {
		err = km_errorf(KM_EDATA, "symbol names of %zu bytes in one module", strings);
		goto out;
	}
	module->strings = calloc(1, strings + 64 + 1);
	module->symbols = calloc(num.v + 1, sizeof(*module->symbols));
	if (!module->strings || !module->symbols) {
		err = km_errorf(KM_ENOMEM, "out of memory");
		goto out;
	}
	km_read_lossy(mem, strtab.v, module->strings, strings, &lost);
	module->pages_lost += lost;
	/* the length of the last name is not known; its page may be the last readable one */
	km_error_free(km_read_string(mem, strtab.v + strings, module->strings + strings, 64));
	for (size_t i = 0; i < num.v; i++) {
		if (!syms[i].st_name || !syms[i].st_value || !module->strings[syms[i].st_name])
			continue;
		module->symbols[module->count].name = module->strings + syms[i].st_name;
		module->symbols[module->count++].addr = syms[i].st_value;
	}
	km_module_sort_symbols(module);
out:
	free(syms);
	return km_error_context(err, "symbols of the module");
}

void km_module_deinit(struct km_module *module)
{
	free(module->symbols);
	free(module->strings);
	free(module->elf_strings);
	memset(module, 0, sizeof(*module));
}

km_error *km_module_add_symbol(struct km_module *module, const char *name, uint64_t addr)
{
	struct km_module_symbol *grown =
		realloc(module->symbols, (module->count + 1) * sizeof(*grown));

	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	module->symbols = grown;
	grown[module->count].name = name;
	grown[module->count++].addr = addr;
	return NULL;
}

void km_module_sort_symbols(struct km_module *module)
{
	if (module->count)
		qsort(module->symbols, module->count, sizeof(*module->symbols), compare_symbols);
}

bool km_module_symbol(const struct km_module *module, const char *name, uint64_t *addr)
{
	struct km_module_symbol key = {.name = name};
	const struct km_module_symbol *found = NULL;

	if (module->count)
		found = bsearch(&key, module->symbols, module->count, sizeof(key), compare_symbols);
	if (!found)
		return false;
	*addr = found->addr;
	return true;
}
