/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machines on the Intel host.
 */
#ifndef INTEL_MACHINES_H
#define INTEL_MACHINES_H

#include "../vmm/vmm.h"

/* Prepare @vcpu, which runs guest_intel_nested, to be a hypervisor with EPT; with MBEC if @mbec. */
void nested_prepare(struct vcpu *vcpu, bool mbec);

#endif
