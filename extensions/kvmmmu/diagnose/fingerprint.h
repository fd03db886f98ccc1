/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line that is equal for equal causes, to find earlier reports of the same fault. */
#ifndef KVMMMU_FINGERPRINT_H
#define KVMMMU_FINGERPRINT_H

#include "diagnose/diagnosis.h"

#define KM_FINGERPRINT 320

/*
 * Write it to @buf and return @buf; "" if the vCPU has no finding above a note. It names the
 * version of this form, the vendor, how the processor uses the tables, the causes in alphabetical
 * order, and where the thread sleeps or, if it does not, where KVM's handler ends. It contains no
 * address, number, name or kernel version.
 */
char *km_fingerprint(const struct km_case *c, const struct km_explanation *e,
		     char buf[KM_FINGERPRINT]);

#endif
