// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hidden DUMP DEBUGINFO SYMBOL...: open the kernel in a dump as if these symbols of vmlinux were
 * not there, as in a kernel that has them elsewhere, and print where the types come from and how
 * many vCPUs each VM has. DEBUGINFO "-" is none.
 */
#include "../../extensions/cli/dump.h"
#include "kernel/kernel_open.h"
#include "kvm/vm.h"

#include <stdio.h>
#include <string.h>

static const struct km_target_ops *real;
static char **hidden;

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	for (char **h = hidden; *h; h++)
		if (!strcmp(*h, name))
			return false;
	return real->symbol(target, name, addr);
}

static km_error *put(const struct km_kernel *kernel)
{
	struct km_vms vms;
	km_error *err = km_vms_read(kernel, &vms);

	printf("%s\n", km_layout_types(kernel->layout)->origin);
	for (size_t i = 0; !err && i < vms.count; i++)
		printf("%s %zu\n", vms.vms[i].comm, vms.vms[i].vcpu_count);
	km_vms_deinit(&vms);
	return err;
}

int main(int argc, char **argv)
{
	struct km_open_options options = {KM_TYPES_AUTO};
	struct km_kernel *kernel = NULL;
	struct km_target_ops ops;
	struct km_target *target;
	struct dump *dump;
	km_error *err;

	if (argc < 3)
		return 2;
	hidden = argv + 3;
	err = dump_open(argv[1], strcmp(argv[2], "-") ? argv[2] : NULL, &dump);
	if (!err) {
		target = dump_target(dump);
		real = target->ops;
		ops = *real;
		ops.symbol = symbol;
		target->ops = &ops;
		err = km_kernel_open(target, &options, &kernel);
		if (!err)
			err = put(kernel);
		km_kernel_free(kernel);
		target->ops = real;
		dump_close(dump);
	}
	if (err)
		fprintf(stderr, "%s\n", km_error_text(err));
	km_error_free(err);
	return err ? 3 : 0;
}
