// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as memory that contains a module and its symbols, and as the module's
 * file. The structures have the layout below.
 */
#include "types/btf_types.h"
#include "bytes.h"
#include "kernel/module.h"
#include "kernel/module_elf.h"

#include <bpf/btf.h>

/* In bytes; pointers are declared as 64-bit integers. */
enum { LIST = 0, NAME = 16, KALLSYMS = 72, ATTRS = 80, RODATA = 88, RODATA_SIZE = 96, SIZE = 128 };

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	(void)target;
	*addr = BYTES_BASE;
	return !strcmp(name, "modules");
}

static const struct km_target_ops ops = {.read_virt = bytes_read_virt, .symbol = symbol};

static struct km_types *module_types(void)
{
	struct btf *btf = btf__new_empty();
	int u64 = btf__add_int(btf, "u64", 8, 0), u32 = btf__add_int(btf, "u32", 4, 0);
	int chr = btf__add_int(btf, "char", 1, 0), list, name, mem, attr, attrs;
	struct km_types *types = NULL;
	const void *blob;
	uint32_t len;

	list = btf__add_struct(btf, "list_head", 16);
	btf__add_field(btf, "next", u64, 0, 0);
	btf__add_field(btf, "prev", u64, 64, 0);
	name = btf__add_array(btf, u64, chr, 56);
	mem = btf__add_struct(btf, "core_layout", 16);
	btf__add_field(btf, "base", u64, 0, 0);
	btf__add_field(btf, "size", u32, 64, 0);
	btf__add_struct(btf, "module", SIZE);
	btf__add_field(btf, "list", list, LIST * 8, 0);
	btf__add_field(btf, "name", name, NAME * 8, 0);
	btf__add_field(btf, "kallsyms", u64, KALLSYMS * 8, 0);
	btf__add_field(btf, "sect_attrs", u64, ATTRS * 8, 0);
	btf__add_field(btf, "core_layout", mem, RODATA * 8, 0);
	btf__add_struct(btf, "mod_kallsyms", 24);
	btf__add_field(btf, "symtab", u64, 0, 0);
	btf__add_field(btf, "num_symtab", u32, 64, 0);
	btf__add_field(btf, "strtab", u64, 128, 0);
	attr = btf__add_struct(btf, "attribute", 8);
	btf__add_field(btf, "name", u64, 0, 0);
	attrs = btf__add_struct(btf, "bin_attribute", 16);
	btf__add_field(btf, "attr", attr, 0, 0);
	btf__add_field(btf, "private", u64, 64, 0);
	attrs = btf__add_array(btf, u64, attrs, 0);
	btf__add_struct(btf, "module_sect_attrs", 0);
	btf__add_field(btf, "attrs", attrs, 0, 0);
	blob = btf__raw_data(btf, &len);
	km_error_free(km_btf_open(blob, len, NULL, "types", &types));
	btf__free(btf);
	return types;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes bytes = {.target = {.ops = &ops, .host = "fuzz"}, .data = data, .len = len};
	struct km_memory *mem = km_memory_new(&bytes.target);
	static struct km_layout *layout; /* the same for all inputs */
	struct km_debuginfo info = {0};
	struct km_module module = {0};
	char path[32];
	int fd = bytes_file(data, len, path);
	uint64_t addr;

	if (!layout)
		layout = km_layout_new(module_types());
	if (!mem || !layout || !km_layout_member(layout, KM_M_module_sect_attrs_address) ||
	    !km_layout_member(layout, KM_M_module_rodata_size) ||
	    !km_layout_member(layout, KM_M_mod_kallsyms_strtab))
		abort();
	km_error_free(km_module_find(mem, layout, "kvm", &module));
	if (!module.addr)
		module.addr = BYTES_BASE;
	km_error_free(km_module_read_symbols(mem, layout, &module));
	km_module_symbol(&module, "vm_list", &addr);
	km_error_free(km_debuginfo_init(&info, path));
	if (info.image)
		km_error_free(km_module_add_elf_symbols(mem, layout, &module, &info));
	km_module_symbol(&module, "vm_list", &addr);
	km_debuginfo_deinit(&info);
	km_module_deinit(&module);
	km_memory_free(mem);
	close(fd);
	return 0;
}
