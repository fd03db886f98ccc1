// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/dump_loss.h"

#include <stddef.h>

#define DL_EXCLUDE_USER_DATA 0x8 /* makedumpfile.h */

const char *km_dump_loss_text(const struct km_dump_loss *loss)
{
	if (loss->incomplete)
		return "the dump is incomplete: its header says that makedumpfile could not write "
		       "all of it (was "
		       "the disk full?)";
	if (loss->cut_off)
		return "the dump is incomplete: the file is shorter than its headers claim (cut "
		       "off, "
		       "or still being copied)";
	if (loss->level & DL_EXCLUDE_USER_DATA)
		return "makedumpfile excluded pages of user space (bit 8 of the dump level, as in "
		       "-d 31); on kernels that it does not support, this also drops slab pages "
		       "(struct kvm, kvm_vcpu, tasks, BTF of kvm); -d 23 keeps them";
	return NULL;
}
