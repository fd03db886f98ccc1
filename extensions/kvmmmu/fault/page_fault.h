/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM does with a fault: km_page_fault_replay(). */
#ifndef KVMMMU_PAGE_FAULT_H
#define KVMMMU_PAGE_FAULT_H

#include "fault/page_fault_path.h"

/*
 * Go through KVM's page-fault handler with the state of the dump, and set *@path. The only error is
 * Ctrl-C. Guest memory (the guest tables of an indirect MMU) is read only from a dump, never from a
 * capsule or while one is made. Mirrors kvm_mmu_page_fault().
 */
km_error *km_page_fault_replay(const struct km_page_fault_state *state,
			       struct km_page_fault_path *path);

#endif
