/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the commands are typed: each front end has a few words of its own. */
#ifndef KVMMMU_FRONT_END_H
#define KVMMMU_FRONT_END_H

enum km_front_end {
	KM_IN_PROGRAM,
	KM_IN_CRASH,
	KM_IN_GDB,
};

#endif
