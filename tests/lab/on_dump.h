/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main() of a driver that prints what the library finds in a dump. */
#ifndef KVMMMU_TESTS_ON_DUMP_H
#define KVMMMU_TESTS_ON_DUMP_H

#include "../../extensions/cli/dump.h"
#include "kernel/kernel_open.h"
#include "kvm/vm.h"

#include <stdio.h>

/*
 * Open DUMP, with types from DEBUGINFO if there is one on the command line, and call @put. Return
 * the exit status: 2 without a dump, 3 on an error, which is printed.
 */
static inline int put_on_dump(int argc, char **argv, km_error *(*put)(const struct km_kernel *))
{
	struct km_open_options options = {KM_TYPES_AUTO};
	struct km_kernel *kernel = NULL;
	struct dump *dump;
	km_error *err;

	if (argc < 2)
		return 2;
	err = dump_open(argv[1], argc > 2 ? argv[2] : NULL, &dump);
	if (!err) {
		err = km_kernel_open(dump_target(dump), &options, &kernel);
		if (!err)
			err = put(kernel);
		km_kernel_free(kernel);
		dump_close(dump);
	}
	if (err)
		fprintf(stderr, "%s\n", km_error_text(err));
	km_error_free(err);
	return err ? 3 : 0;
}

/* For put_on_dump(): print a JSON list of what @put prints of each VM. */
static inline km_error *put_each_vm(const struct km_kernel *k,
				    km_error *(*put)(const struct km_kernel *,
						     const struct km_vm *))
{
	struct km_vms vms;
	km_error *err = km_vms_read(k, &vms);

	printf("[");
	for (size_t i = 0; !err && i < vms.count; i++) {
		printf("%s", i ? ",\n" : "");
		err = put(k, &vms.vms[i]);
	}
	printf("]\n");
	km_vms_deinit(&vms);
	return err;
}

#endif
