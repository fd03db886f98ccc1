// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/process_args.h"

#include "walk/host_walk.h"

#include <string.h>

/* Read @len bytes at @hva, which do not cross a page; false: they are not in the dump. */
static bool read_piece(const struct km_kernel *k, const struct km_vm *vm, uint64_t hva, char *to,
		       size_t len)
{
	struct km_host_pte pte = km_host_walk(k, vm, hva);
	km_scoped_error *err = NULL;

	if (!pte.known || !pte.present)
		return false;
	err = km_read_phys(k->mem, pte.pa, to, len);
	return !err;
}

static size_t read_all(const struct km_kernel *k, const struct km_vm *vm, uint64_t hva, char *to,
		       size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t room = KM_PAGE_SIZE - ((hva + done) & (KM_PAGE_SIZE - 1));
		size_t piece = len - done < room ? len - done : room;

		if (!read_piece(k, vm, hva + done, to + done, piece))
			break;
		done += piece;
	}
	return done;
}

void km_process_args_read(const struct km_kernel *k, const struct km_vm *vm,
			  struct km_process_args *args)
{
	struct km_val start = {.known = KM_ABSENT}, end = {.known = KM_ABSENT};
	bool before = km_memory_try(k->mem, true);
	size_t wanted;

	memset(args, 0, sizeof(*args));
	if (km_is_known(vm->mm) && vm->mm.v) {
		start = km_kget(k, vm->mm.v, KM_M_mm_struct_arg_start);
		end = km_kget(k, vm->mm.v, KM_M_mm_struct_arg_end);
	}
	if (!km_is_known(start) || !km_is_known(end) || end.v <= start.v) {
		args->why = "mm_struct.arg_start is not known";
	} else {
		wanted = end.v - start.v;
		if (wanted > sizeof(args->text) - 2)
			wanted = sizeof(args->text) - 2;
		args->len = read_all(k, vm, start.v, args->text, wanted);
		args->cut = args->len < end.v - start.v;
		if (args->cut)
			args->why = args->len == wanted ? "it is longer"
							: "its pages are not in the dump";
	}
	km_memory_try(k->mem, before);
}

const char *km_process_arg_after(const struct km_process_args *args, const char *option)
{
	bool found = false;

	for (size_t at = 0; at < args->len; at += strlen(args->text + at) + 1) {
		if (found)
			return args->text + at;
		found = !strcmp(args->text + at, option);
	}
	return NULL;
}
