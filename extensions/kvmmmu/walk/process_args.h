/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the VMM, from its memory: it names the VM. It may contain secrets, so it is
 * read only if the user asks for names, and never recorded in a capsule.
 */
#ifndef KVMMMU_PROCESS_ARGS_H
#define KVMMMU_PROCESS_ARGS_H

#include "kvm/vm.h"

#define KM_PROCESS_ARGS 16384

struct km_process_args {
	char text[KM_PROCESS_ARGS]; /* each argument ends with NUL, and one more NUL follows */
	size_t len;		    /* with the NUL of each argument; 0: not known */
	bool cut;		    /* there are more */
	const char *why;	    /* not known, or cut: the reason */
};

/* Read the arguments of the process that owns @vm (mm_struct.arg_start). */
void km_process_args_read(const struct km_kernel *kernel, const struct km_vm *vm,
			  struct km_process_args *args);

/* Return the argument after @option ("-uuid"); NULL: there is none. */
const char *km_process_arg_after(const struct km_process_args *args, const char *option);

#endif
