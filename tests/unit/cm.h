/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmocka, the headers that it needs, and a helper for tables of test cases. */
#ifndef KVMMMU_TESTS_UNIT_CM_H
#define KVMMMU_TESTS_UNIT_CM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

/* cmocka 2 has other names for assert_in_range(), which cmocka 1 does not have */
#define CMOCKA_DISABLE_DEPRECATION_WARNINGS
#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
