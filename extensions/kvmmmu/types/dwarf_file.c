// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names are indexed unit by unit, until the requested one is found. A module's object file is
 * relocatable: references to strings and abbreviations need relocations. These are also applied
 * unit by unit, as applying all of them would take longer than everything else.
 */
#include "types/dwarf_file.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No kernel has a larger debug section. */
#define MAX_SECTION ((uint64_t)2 << 30)
/* Maximum size of a unit's header, which contains the offset of the abbreviations. */
#define UNIT_HEADER 40

struct km_dwarf_unit {
	Dwarf *dwarf;
	Dwarf_Off start, die, end;
	bool relocated;
};

static km_error *out_of_memory(void)
{
	return km_errorf(KM_ENOMEM, "out of memory");
}

km_error *km_dwarf_damaged(const char *how)
{
	return km_errorf(KM_EDEBUGINFO, "damaged DWARF: %s", how);
}

km_error *km_dwarf_libdw_error(void)
{
	return km_dwarf_damaged(dwarf_errmsg(-1));
}

/* ---- relocations ---- */

static size_t n_relocations(const struct km_dwarf_relocations *r)
{
	return r->rela ? r->rela->d_size / sizeof(Elf64_Rela) : 0;
}

static Elf64_Rela relocation(const struct km_dwarf_relocations *r, size_t i)
{
	Elf64_Rela rela;

	memcpy(&rela, (const char *)r->rela->d_buf + i * sizeof(rela), sizeof(rela));
	return rela;
}

/* Debug sections have address 0 in a relocatable file: the symbol's value is all that is added. */
static void relocate_one(const struct km_dwarf_relocations *r, const Elf64_Rela *rela)
{
	size_t at = ELF64_R_SYM(rela->r_info) * sizeof(Elf64_Sym), width;
	Elf64_Sym sym;
	uint64_t value;

	switch (ELF64_R_TYPE(rela->r_info)) {
	case R_X86_64_64:
		width = 8;
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		width = 4;
		break;
	default:
		return; /* not used for anything that is read here */
	}
	if (r->symbols->d_size < sizeof(sym) || at > r->symbols->d_size - sizeof(sym) ||
	    r->target->d_size < width || rela->r_offset > r->target->d_size - width)
		return;
	memcpy(&sym, (const char *)r->symbols->d_buf + at, sizeof(sym));
	value = sym.st_value + rela->r_addend;
	memcpy((char *)r->target->d_buf + rela->r_offset, &value, width);
}

/* Apply the relocations in [start, end) of the section; all of them if they are not sorted. */
static void relocate(const struct km_dwarf_relocations *r, uint64_t start, uint64_t end)
{
	size_t low = 0, high = n_relocations(r);
	Elf64_Rela rela;

	while (r->sorted && low < high) {
		size_t mid = low + (high - low) / 2;

		if (relocation(r, mid).r_offset < start)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < n_relocations(r); low++) {
		rela = relocation(r, low);
		if (r->sorted && rela.r_offset >= end)
			break;
		relocate_one(r, &rela);
	}
}

static bool is_sorted(const struct km_dwarf_relocations *r)
{
	uint64_t last = 0, offset;

	for (size_t i = 0; i < n_relocations(r); i++, last = offset) {
		offset = relocation(r, i).r_offset;
		if (offset < last)
			return false;
	}
	return true;
}

/* ---- sections ---- */

static km_error *unpack_section(Elf_Scn *scn, const char *name)
{
	GElf_Chdr chdr;
	GElf_Shdr shdr;

	if (!gelf_getshdr(scn, &shdr) || !(shdr.sh_flags & SHF_COMPRESSED))
		return NULL;
	if (!gelf_getchdr(scn, &chdr) || chdr.ch_size > MAX_SECTION || elf_compress(scn, 0, 0) < 0)
		return km_errorf(KM_EDEBUGINFO, "damaged section %s: %s", name, elf_errmsg(-1));
	return NULL;
}

/* Unpack debug sections, find the relocations of .debug_info, and apply those of the others. */
static km_error *prepare_sections(struct km_dwarf_file *file)
{
	Elf *elf = file->elf;
	Elf_Scn *scn = NULL;
	GElf_Ehdr ehdr;
	size_t strings;

	if (!gelf_getehdr(elf, &ehdr) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_ident[EI_DATA] != ELFDATA2LSB || ehdr.e_machine != EM_X86_64)
		return km_errorf(KM_EDEBUGINFO, "not an x86-64 object");
	if (elf_getshdrstrndx(elf, &strings))
		return km_errorf(KM_EDEBUGINFO, "damaged ELF: %s", elf_errmsg(-1));
	while ((scn = elf_nextscn(elf, scn))) {
		struct km_dwarf_relocations r = {};
		GElf_Shdr shdr, target;
		Elf_Scn *target_scn;
		const char *name;
		km_error *err;

		if (!gelf_getshdr(scn, &shdr))
			continue;
		if (shdr.sh_type == SHT_RELA && ehdr.e_type == ET_REL) {
			target_scn = elf_getscn(elf, shdr.sh_info);
			if (!target_scn || !gelf_getshdr(target_scn, &target))
				continue;
			name = elf_strptr(elf, strings, target.sh_name);
		} else {
			target_scn = NULL;
			name = elf_strptr(elf, strings, shdr.sh_name);
		}
		if (!name || strncmp(name, ".debug_", 7))
			continue;
		err = unpack_section(target_scn ? target_scn : scn, name);
		if (err)
			return err;
		if (!target_scn && !strcmp(name, ".debug_str"))
			file->strings = elf_rawdata(scn, NULL);
		if (!target_scn ||
		    (strcmp(name, ".debug_info") && strcmp(name, ".debug_str_offsets")))
			continue;
		r.target = elf_rawdata(target_scn, NULL);
		r.rela = elf_rawdata(scn, NULL);
		r.symbols = elf_rawdata(elf_getscn(elf, shdr.sh_link), NULL);
		if (!r.target || !r.rela || !r.symbols || !r.target->d_buf || !r.rela->d_buf ||
		    !r.symbols->d_buf)
			return km_errorf(KM_EDEBUGINFO, "damaged relocations of %s", name);
		if (strcmp(name, ".debug_info")) {
			relocate(&r, 0, UINT64_MAX);
		} else {
			r.sorted = is_sorted(&r);
			if (!r.sorted)
				relocate(&r, 0, UINT64_MAX);
			file->relocations = r;
		}
	}
	return NULL;
}

/* ---- units ---- */

static km_error *list_units(struct km_dwarf_file *file, Dwarf *of)
{
	const struct km_dwarf_relocations *r = of == file->dwarf ? &file->relocations : NULL;
	Dwarf_Off offset = 0, next, abbrev;
	Dwarf_Half version;
	size_t header;
	int ret;

	for (;; offset = next) {
		struct km_dwarf_unit unit = {.dwarf = of, .start = offset, .relocated = true};

		if (r && r->sorted && r->rela) {
			relocate(r, offset, offset + UNIT_HEADER);
			unit.relocated = false;
		}
		ret = dwarf_next_unit(of, offset, &next, &header, &version, &abbrev, NULL, NULL,
				      NULL, NULL);
		if (ret > 0)
			return NULL;
		if (ret < 0 || next <= offset)
			return km_dwarf_libdw_error();
		if (file->n_units == file->units_cap) {
			size_t cap = file->units_cap ? 2 * file->units_cap : 64;
			struct km_dwarf_unit *units =
				reallocarray(file->units, cap, sizeof(*units));

			if (!units)
				return out_of_memory();
			file->units = units;
			file->units_cap = cap;
		}
		unit.die = offset + header;
		unit.end = next;
		file->units[file->n_units++] = unit;
	}
}

/* Must be called before anything but the unit's header is read. */
static void relocate_unit(struct km_dwarf_file *file, struct km_dwarf_unit *unit)
{
	if (!unit->relocated)
		relocate(&file->relocations, unit->start, unit->end);
	unit->relocated = true;
}

/* Relocate the unit that contains @die. */
static void relocate_die(struct km_dwarf_file *file, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);
	size_t low = 0, high = file->n_main_units;

	if (!file->relocations.rela)
		return;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (offset >= file->units[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < file->n_main_units)
		relocate_unit(file, &file->units[low]);
}

/*
 * A kernel with built-in KVM has thousands of units: put those of KVM first. In a module all of
 * them belong to KVM, and most are not relocated yet.
 */
static void order_units(struct km_dwarf_file *file)
{
	size_t n = file->n_units, first = 0;
	struct km_dwarf_unit *units = calloc(n, sizeof(*units)), *rest;
	bool *kvm = calloc(n, sizeof(*kvm));

	for (size_t i = 0; units && kvm && i < n; i++) {
		struct km_dwarf_unit *unit = &file->units[i];
		const char *name;
		Dwarf_Die die;

		kvm[i] = dwarf_offdie(unit->dwarf, unit->die, &die) &&
			 (name = dwarf_diename(&die)) && strstr(name, "kvm/");
		first += kvm[i];
	}
	if (units && kvm) {
		rest = units + first;
		for (size_t i = n; i--;)
			if (kvm[i])
				units[--first] = file->units[i];
		for (size_t i = 0; i < n; i++)
			if (!kvm[i])
				*rest++ = file->units[i];
		memcpy(file->units, units, n * sizeof(*units));
	}
	free(kvm);
	free(units);
}

/* ---- indexes ---- */

static struct km_dwarf_entry *slot(const struct km_dwarf_index *index, const char *name)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	for (i = hash & (index->cap - 1); index->entries[i].name; i = (i + 1) & (index->cap - 1))
		if (!strcmp(index->entries[i].name, name))
			break;
	return &index->entries[i];
}

static km_error *reserve(struct km_dwarf_index *index)
{
	struct km_dwarf_index bigger = *index;

	if (index->n < index->cap / 2)
		return NULL;
	bigger.cap = index->cap ? 2 * index->cap : 8192;
	bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
	if (!bigger.entries)
		return out_of_memory();
	for (size_t i = 0; i < index->cap; i++)
		if (index->entries[i].name)
			*slot(&bigger, index->entries[i].name) = index->entries[i];
	free(index->entries);
	*index = bigger;
	return NULL;
}

/* Keep the first entry of a name, but replace a typedef by a struct. */
static km_error *add(struct km_dwarf_index *index, const char *name, Dwarf_Die *die)
{
	km_error *err = reserve(index);
	struct km_dwarf_entry *entry;

	if (err)
		return err;
	entry = slot(index, name);
	if (!entry->name)
		index->n++;
	else if (dwarf_tag(&entry->die) != DW_TAG_typedef || dwarf_tag(die) == DW_TAG_typedef)
		return NULL;
	*entry = (struct km_dwarf_entry){.name = name, .die = *die};
	return NULL;
}

static km_error *add_types(struct km_dwarf_index *index, Dwarf_Die *unit)
{
	km_error *err = NULL;
	const char *name;
	Dwarf_Die die;
	int ret;

	for (ret = dwarf_child(unit, &die); !ret && !err; ret = dwarf_siblingof(&die, &die)) {
		switch (dwarf_tag(&die)) {
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
		case DW_TAG_typedef:
			name = dwarf_diename(&die);
			if (name && !km_dwarf_is_declaration(&die))
				err = add(index, name, &die);
		}
	}
	return err ? err : ret < 0 ? km_dwarf_libdw_error() : NULL;
}

static km_error *add_enumerators(struct km_dwarf_index *index, Dwarf_Die *unit)
{
	km_error *err = NULL;
	Dwarf_Die die, child;
	const char *name;
	int ret, ret2;

	for (ret = dwarf_child(unit, &die); !ret; ret = dwarf_siblingof(&die, &die)) {
		if (dwarf_tag(&die) != DW_TAG_enumeration_type)
			continue;
		for (ret2 = dwarf_child(&die, &child); !ret2 && !err;
		     ret2 = dwarf_siblingof(&child, &child)) {
			name = dwarf_diename(&child);
			if (name && dwarf_tag(&child) == DW_TAG_enumerator)
				err = add(index, name, &child);
		}
		if (err || ret2 < 0)
			return err ? err : km_dwarf_libdw_error();
	}
	return ret < 0 ? km_dwarf_libdw_error() : NULL;
}

static km_error *add_functions(struct km_dwarf_index *index, Dwarf_Die *unit)
{
	km_error *err = NULL;
	const char *name;
	Dwarf_Die die;
	int ret;

	for (ret = dwarf_child(unit, &die); !ret && !err; ret = dwarf_siblingof(&die, &die)) {
		if (dwarf_tag(&die) != DW_TAG_subprogram || km_dwarf_is_declaration(&die))
			continue;
		/* one without a name is an instance of an inlined function, which is indexed */
		name = dwarf_hasattr(&die, DW_AT_name) ? dwarf_diename(&die) : NULL;
		if (name)
			err = add(index, name, &die);
	}
	return err ? err : ret < 0 ? km_dwarf_libdw_error() : NULL;
}

/*
 * Does .debug_str contain @name? This avoids reading the whole file for a type that only other
 * kernels have. Compilers store names of less than four letters elsewhere.
 */
static bool is_mentioned(struct km_dwarf_file *file, const char *name)
{
	const Elf_Data *strings = file->strings;
	size_t len = strlen(name) + 1;

	/* dwz moves strings to a second file */
	if (file->alt || len <= 4 || !strings || !strings->d_buf)
		return true;
	return memmem(strings->d_buf, strings->d_size, name, len);
}

static km_error *add_next_unit(struct km_dwarf_file *file, enum km_dwarf_names names)
{
	static km_error *(*const add_names[])(struct km_dwarf_index *, Dwarf_Die *) = {
		[KM_DWARF_TYPES] = add_types,
		[KM_DWARF_ENUMERATORS] = add_enumerators,
		[KM_DWARF_FUNCTIONS] = add_functions,
	};
	struct km_dwarf_index *index = &file->names[names];
	struct km_dwarf_unit *unit = &file->units[index->units_done];
	Dwarf_Die die;

	relocate_unit(file, unit);
	if (!dwarf_offdie(unit->dwarf, unit->die, &die))
		return km_dwarf_libdw_error();
	index->units_done++;
	return add_names[names](index, &die);
}

km_error *km_dwarf_file_find(struct km_dwarf_file *file, enum km_dwarf_names names,
			     const char *name, Dwarf_Die *die, bool *found)
{
	struct km_dwarf_index *index = &file->names[names];
	bool asked = false;

	for (;;) {
		km_error *err;

		if (index->cap) {
			struct km_dwarf_entry *entry = slot(index, name);

			*found = entry->name;
			*die = entry->die;
			if (*found)
				return NULL;
		}
		*found = false;
		if (index->units_done >= file->n_units || (!asked && !is_mentioned(file, name)))
			return NULL;
		asked = true;
		err = add_next_unit(file, names);
		if (err)
			return err;
	}
}

bool km_dwarf_file_type(struct km_dwarf_file *file, Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	if (!dwarf_attr(die, DW_AT_type, &attr) || !dwarf_formref_die(&attr, type))
		return false;
	relocate_die(file, type);
	return true;
}

/* ---- opening ---- */

/* Return the path of dwz's file with shared debuginfo, whose name is relative to this file. */
static char *alt_path(const struct km_dwarf_file *file, const char *name)
{
	char *real = realpath(file->info.path, NULL), *slash, *path = NULL;

	slash = real ? strrchr(real, '/') : NULL;
	if (*name == '/' || !slash)
		path = strdup(name);
	else if (asprintf(&path, "%.*s%s", (int)(slash + 1 - real), real, name) < 0)
		path = NULL;
	free(real);
	return path;
}

static km_error *open_alt(struct km_dwarf_file *file)
{
	const char *name;
	const void *id;
	ssize_t id_len = dwelf_dwarf_gnu_debugaltlink(file->dwarf, &name, &id);
	km_error *err;
	char *path;

	if (id_len <= 0)
		return NULL;
	path = alt_path(file, name);
	if (!path)
		return out_of_memory();
	err = km_debuginfo_init(&file->alt_info, path);
	free(path);
	if (err)
		return km_error_context(err, "its dwz file");
	if (file->alt_info.build_id_len != (size_t)id_len ||
	    memcmp(file->alt_info.build_id, id, id_len))
		return km_errorf(KM_EDEBUGINFO, "its dwz file %s is of another build",
				 file->alt_info.path);
	file->alt_elf = elf_memory(file->alt_info.image, file->alt_info.size);
	file->alt = file->alt_elf ? dwarf_begin_elf(file->alt_elf, DWARF_C_READ, NULL) : NULL;
	if (!file->alt)
		return km_errorf(KM_EDEBUGINFO, "its dwz file %s is damaged", file->alt_info.path);
	dwarf_setalt(file->dwarf, file->alt);
	return NULL;
}

static km_error *open_dwarf(struct km_dwarf_file *file)
{
	km_error *err;

	elf_version(EV_CURRENT);
	file->elf = elf_memory(file->info.image, file->info.size);
	if (!file->elf)
		return km_errorf(KM_EDEBUGINFO, "damaged ELF: %s", elf_errmsg(-1));
	err = prepare_sections(file);
	if (err)
		return err;
	file->dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
	if (!file->dwarf)
		return km_errorf(KM_EDEBUGINFO, "no usable DWARF: %s", dwarf_errmsg(-1));
	err = open_alt(file);
	if (!err)
		err = list_units(file, file->dwarf);
	file->n_main_units = file->n_units;
	if (!err && file->alt)
		err = list_units(file, file->alt);
	if (err)
		return err;
	if (!file->n_units)
		return km_errorf(KM_EDEBUGINFO, "no usable DWARF: no units");
	if (!file->relocations.rela)
		order_units(file);
	return NULL;
}

km_error *km_dwarf_file_init(struct km_dwarf_file *file, struct km_debuginfo *info)
{
	km_error *err;

	*file = (struct km_dwarf_file){.info = *info};
	err = km_error_context(open_dwarf(file), "%s", info->path);
	if (err)
		file->info = (struct km_debuginfo){}; /* still owned by the caller */
	else
		*info = (struct km_debuginfo){};
	return err;
}

void km_dwarf_file_deinit(struct km_dwarf_file *file)
{
	for (int i = 0; i < KM_DWARF_NAMES; i++)
		free(file->names[i].entries);
	free(file->units);
	dwarf_end(file->dwarf);
	dwarf_end(file->alt);
	elf_end(file->elf);
	elf_end(file->alt_elf);
	km_debuginfo_deinit(&file->alt_info);
	km_debuginfo_deinit(&file->info);
	*file = (struct km_dwarf_file){};
}
