/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump that a driver reads through functions of its own, which lose or change what is in it. */
#ifndef KVMMMU_CHANGED_DUMP_H
#define KVMMMU_CHANGED_DUMP_H

#include "../../extensions/cli/dump.h"
#include "kernel/kernel_open.h"

#include <stdio.h>

/* How the dump itself is read. */
static const struct km_target_ops *whole_ops;

/*
 * Open the dump @path, read it with those of @changed that are not NULL, and return what @play
 * returns; 3: it cannot be opened.
 */
static int play_changed(const char *path, const struct km_target_ops *changed,
			int (*play)(struct km_kernel *kernel, char **argv), char **argv)
{
	const struct km_open_options options = {KM_TYPES_AUTO};
	struct km_kernel *kernel = NULL;
	struct km_target_ops ops;
	struct dump *dump;
	km_error *err = dump_open(path, NULL, &dump);
	int code;

	if (!err)
		err = km_kernel_open(dump_target(dump), &options, &kernel);
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		return 3;
	}
	whole_ops = dump_target(dump)->ops;
	ops = *whole_ops;
	if (changed->read_phys)
		ops.read_phys = changed->read_phys;
	if (changed->read_virt)
		ops.read_virt = changed->read_virt;
	dump_target(dump)->ops = &ops;
	code = play(kernel, argv);
	km_kernel_free(kernel);
	dump_close(dump);
	return code;
}

#endif
