/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmocka with what it wants included before it, and the one helper that all tables of tests need.
 */
#ifndef KVMMMU_TESTS_UNIT_CM_H
#define KVMMMU_TESTS_UNIT_CM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
