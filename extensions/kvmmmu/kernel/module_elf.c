// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module_elf.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECTIONS 4096u
#define MAX_STRINGS  (64u << 20)

/* The file's symbols, and the address of each loaded section (0: unknown). */
struct file {
	Elf *elf;
	size_t sections, names;
	Elf_Data *symbols, *strings;
	uint64_t bases[MAX_SECTIONS];
};

static km_error *open_file(const struct km_debuginfo *info, struct file *file)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	elf_version(EV_CURRENT);
	file->elf = elf_memory(info->image, info->size);
	if (!file->elf || elf_getshdrnum(file->elf, &file->sections) ||
	    elf_getshdrstrndx(file->elf, &file->names) || file->sections > MAX_SECTIONS)
		return km_errorf(KM_EDEBUGINFO, "%s has no usable sections", info->path);
	while ((scn = elf_nextscn(file->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_SYMTAB)
			continue;
		file->symbols = elf_getdata(scn, NULL);
		file->strings = elf_getdata(elf_getscn(file->elf, shdr.sh_link), NULL);
	}
	if (!file->symbols || !file->strings || !file->strings->d_size ||
	    file->strings->d_size > MAX_STRINGS ||
	    ((const char *)file->strings->d_buf)[file->strings->d_size - 1])
		return km_errorf(KM_EDEBUGINFO, "%s has no usable symbol table", info->path);
	return NULL;
}

/* Get symbol @i. Return false unless it is global, has a name and is defined in a section. */
static bool global_symbol(const struct file *file, int i, GElf_Sym *sym, const char **name)
{
	if (!gelf_getsym(file->symbols, i, sym) || GELF_ST_BIND(sym->st_info) != STB_GLOBAL ||
	    sym->st_shndx == SHN_UNDEF || sym->st_shndx >= file->sections || !sym->st_name ||
	    sym->st_name >= file->strings->d_size)
		return false;
	*name = (const char *)file->strings->d_buf + sym->st_name;
	return true;
}

static void set_base(struct file *file, const char *section, uint64_t addr)
{
	for (size_t i = 1; i < file->sections; i++) {
		Elf_Scn *scn = elf_getscn(file->elf, i);
		GElf_Shdr shdr;
		const char *name = scn && gelf_getshdr(scn, &shdr)
					   ? elf_strptr(file->elf, file->names, shdr.sh_name)
					   : NULL;

		if (name && !strcmp(name, section))
			file->bases[i] = addr;
	}
}

/* Get section addresses from module.sect_attrs, as shown in /sys/module/NAME/sections. */
static void bases_from_attrs(struct km_memory *mem, struct km_layout *layout, uint64_t module,
			     struct file *file)
{
	const struct km_member *array = km_layout_member(layout, KM_M_module_sect_attrs_attrs);
	struct km_val attrs = km_get(mem, layout, module, KM_M_module_sect_attrs);

	for (size_t i = 0; km_is_known(attrs) && array && i < file->sections; i++) {
		/* layout.def describes the members of the first element */
		uint64_t at = attrs.v + i * array->elem;
		struct km_val name = km_get(mem, layout, at, KM_M_module_sect_attrs_name);
		struct km_val addr = km_get(mem, layout, at, KM_M_module_sect_attrs_address);
		km_scoped_error *err = NULL;
		char section[64];

		if (!km_is_known(name) || !km_is_known(addr) || !name.v)
			return;
		err = km_read_string(mem, name.v, section, sizeof(section));
		if (!err)
			set_base(file, section, addr.v);
	}
}

/* Derive missing section addresses from symbols that both the dump and the file contain. */
static void bases_from_symbols(const struct km_module *module, struct file *file)
{
	size_t count = file->symbols->d_size / sizeof(Elf64_Sym);

	for (size_t i = 0; i < count; i++) {
		const char *name;
		uint64_t addr;
		GElf_Sym sym;

		if (global_symbol(file, (int)i, &sym, &name) && !file->bases[sym.st_shndx] &&
		    km_module_symbol(module, name, &addr))
			file->bases[sym.st_shndx] = addr - sym.st_value;
	}
}

static km_error *add_symbols(struct file *file, struct km_module *module)
{
	size_t count = file->symbols->d_size / sizeof(Elf64_Sym);
	const char *strings = file->strings->d_buf;

	free(module->elf_strings);
	module->elf_strings = malloc(file->strings->d_size);
	if (!module->elf_strings)
		return km_errorf(KM_ENOMEM, "out of memory");
	memcpy(module->elf_strings, strings, file->strings->d_size);
	for (size_t i = 0; i < count; i++) {
		const char *name;
		GElf_Sym sym;
		km_error *err;

		if (!global_symbol(file, (int)i, &sym, &name) || !file->bases[sym.st_shndx])
			continue;
		err = km_module_add_symbol(module, module->elf_strings + (name - strings),
					   file->bases[sym.st_shndx] + sym.st_value);
		if (err)
			return err;
	}
	km_module_sort_symbols(module);
	return NULL;
}

km_error *km_module_add_elf_symbols(struct km_memory *mem, struct km_layout *layout,
				    struct km_module *module, const struct km_debuginfo *info)
{
	struct file *file = calloc(1, sizeof(*file));
	km_error *err = file ? open_file(info, file) : km_errorf(KM_ENOMEM, "out of memory");

	if (!err) {
		bases_from_attrs(mem, layout, module->addr, file);
		bases_from_symbols(module, file);
		err = add_symbols(file, module);
	}
	if (file)
		elf_end(file->elf);
	free(file);
	return err;
}
