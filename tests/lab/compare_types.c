// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare_types MODULE-WITH-DEBUGINFO VMLINUX [TYPE MEMBER]...: compare DWARF and BTF of a real
 * module, for every member of every structure in the module's own BTF and of some in vmlinux's.
 * With arguments, print the offset of these members according to DWARF, or the size of a type if
 * its member is "".
 */
#include "types/btf_types.h"
#include "types/debuginfo.h"
#include "types/dwarf_types.h"
#include "types/types_chain.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct km_types *dwarf, *btf;
static struct btf *raw;
static unsigned int asked, differing, absent;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void must(km_error *err)
{
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		exit(2);
	}
}

static void show(const char *source, const struct km_member *m, km_error *err)
{
	if (err)
		printf("  %s: %s\n", source, km_error_text(err));
	else
		printf("  %s: at %u, %u bytes, %u x %u, bits %u:%u%s\n", source, m->offset, m->size,
		       m->count, m->elem, m->bit_off, m->bit_size, m->is_signed ? ", signed" : "");
}

static void compare(const char *tag, const char *path)
{
	struct km_member a = {}, b = {};
	km_scoped_error *err_a = km_types_member(dwarf, tag, path, &a);
	km_scoped_error *err_b = km_types_member(btf, tag, path, &b);

	asked++;
	if (!err_a && !err_b && !memcmp(&a, &b, sizeof(a)))
		return;
	/* Only used through a pointer: this module's DWARF just has the declaration. */
	if (!err_b && err_a && km_error_code(err_a) == KM_EABSENT) {
		absent++;
		return;
	}
	if (differing++ < 20) {
		printf("%s.%s differs\n", tag, path);
		show("DWARF", &a, err_a);
		show("BTF", &b, err_b);
	}
}

static const struct btf_type *peeled(uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(raw, id);

	while (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type))
		type = btf__type_by_id(raw, type->type);
	return type;
}

/* Compare all members of @type, at most @depth structures deep. */
static void members(const char *tag, const char *prefix, const struct btf_type *type, int depth)
{
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(raw, btf_members(type)[i].name_off);
		const struct btf_type *of = peeled(btf_members(type)[i].type);
		char path[1024];

		if (!*name) {
			if (btf_is_composite(of))
				members(tag, prefix, of, depth);
			continue;
		}
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", name);
		compare(tag, path);
		if (btf_is_array(of) && btf_array(of)->nelems) {
			strcat(path, "[0]");
			compare(tag, path);
			of = peeled(btf_array(of)->type);
		}
		if (depth && btf_is_composite(of))
			members(tag, path, of, depth - 1);
	}
}

static struct km_debuginfo open_file(const char *path)
{
	struct km_debuginfo info;

	must(km_debuginfo_init(&info, path));
	return info;
}

static int answer(struct km_debuginfo *module, char **words)
{
	struct km_member member;
	uint32_t number;

	must(km_dwarf_open(module, &dwarf));
	for (; *words; words += 2) {
		if (*words[1]) {
			must(km_types_member(dwarf, words[0], words[1], &member));
			number = member.offset;
		} else {
			must(km_types_sizeof(dwarf, words[0], &number));
		}
		printf("%u\n", number);
	}
	km_types_free(dwarf);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const of_vmlinux[] = {"task_struct", "module", "page", "xarray"};
	struct km_debuginfo module, vmlinux;
	const void *module_btf, *vmlinux_btf;
	size_t module_len, vmlinux_len;
	struct km_types *list[2];
	struct rusage usage;
	uint32_t first, size;
	double t[4];

	if (argc < 3 || argc % 2 == 0)
		return 2;
	module = open_file(argv[1]);
	if (argc > 3)
		return answer(&module, argv + 3);
	vmlinux = open_file(argv[2]);
	if (!km_debuginfo_section(&vmlinux, ".BTF", &vmlinux_btf, &vmlinux_len) ||
	    !km_debuginfo_section(&module, ".BTF", &module_btf, &module_len)) {
		fprintf(stderr, "no .BTF\n");
		return 2;
	}
	t[0] = now();
	must(km_btf_open(vmlinux_btf, vmlinux_len, NULL, "vmlinux BTF", &list[1]));
	must(km_btf_open(module_btf, module_len, list[1], "module BTF", &list[0]));
	must(km_types_chain(list, 2, &btf));
	t[1] = now();
	km_error_free(km_types_sizeof(btf, "no_such_type", &size));
	t[2] = now();
	/* Read by libbpf, to know which types there are. */
	{
		char name[] = "/tmp/kvmmmu-btf-XXXXXX";
		FILE *f = fdopen(mkstemp(name), "w");

		raw = btf__new(vmlinux_btf, vmlinux_len);
		fwrite(module_btf, module_len, 1, f);
		fclose(f);
		first = btf__type_cnt(raw);
		raw = btf__parse_raw_split(name, raw);
		remove(name);
	}
	km_debuginfo_deinit(&vmlinux);
	t[3] = now();
	must(km_dwarf_open(&module, &dwarf));
	printf("BTF: open %.2f ms, index %.2f ms; DWARF: open %.2f ms\n", t[1] - t[0], t[2] - t[1],
	       now() - t[3]);
	for (size_t i = 0; i < sizeof(of_vmlinux) / sizeof(*of_vmlinux); i++)
		members(of_vmlinux[i], "",
			btf__type_by_id(raw, btf__find_by_name(raw, of_vmlinux[i])), 2);
	for (uint32_t id = first; id < btf__type_cnt(raw); id++) {
		const struct btf_type *type = btf__type_by_id(raw, id);

		if (btf_is_composite(type) && type->name_off)
			members(btf__name_by_offset(raw, type->name_off), "", type, 3);
	}
	for (uint32_t id = 1; id < btf__type_cnt(raw); id++) {
		const struct btf_type *type = btf__type_by_id(raw, id);

		if (!btf_is_enum(type) || id < first)
			continue;
		for (uint32_t i = 0; i < btf_vlen(type); i++) {
			const char *name = btf__name_by_offset(raw, btf_enum(type)[i].name_off);
			int64_t a = 0, b = 0;
			km_scoped_error *err_a = km_types_enumerator(dwarf, NULL, name, &a);
			km_scoped_error *err_b = km_types_enumerator(btf, NULL, name, &b);

			asked++;
			if (err_a || err_b || a != b) {
				differing++;
				printf("enumerator %s differs: %lld %lld %s\n", name, (long long)a,
				       (long long)b, err_a ? km_error_text(err_a) : "");
			}
		}
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%u asked, %u not in the module's DWARF, %u differ; %ld KiB peak\n", asked, absent,
	       differing, usage.ru_maxrss);
	km_types_free(dwarf);
	km_types_free(btf);
	return differing || asked < 1000;
}
