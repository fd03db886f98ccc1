// SPDX-License-Identifier: GPL-2.0-or-later
/* Which vCPUs of two dumps are the same one. They are made by hand. */
#include "commands/moments.h"

#include "cm.h"

#include <string.h>

static struct km_moment vcpu(uint64_t kvm, uint64_t addr, unsigned idx)
{
	return (struct km_moment){
		.kvm = kvm,
		.vcpu = addr,
		.idx = idx,
		.mm = km_known_val(0x100),
		.pid = km_known_val(7),
		.id = km_known_val(idx),
	};
}

static void test_identity(void **state)
{
	struct km_moment a = vcpu(0x1000, 0x2000, 1), b = a;

	(void)state;
	assert_true(km_moment_is_of(&a, &b));
	/* what may change */
	b.tid = km_known_val(5);
	b.vm_number = 3;
	assert_true(km_moment_is_of(&a, &b));
	b.kvm++;
	assert_false(km_moment_is_of(&a, &b));
	b = a;
	b.vcpu++;
	assert_false(km_moment_is_of(&a, &b));
	b = a;
	b.idx++;
	assert_false(km_moment_is_of(&a, &b));
	/* an address is used again: another owner */
	b = a;
	b.mm.v++;
	assert_false(km_moment_is_of(&a, &b));
	b = a;
	b.pid.v++;
	assert_false(km_moment_is_of(&a, &b));
	b = a;
	b.id.v++;
	assert_false(km_moment_is_of(&a, &b));
	/* what is not known contradicts nothing */
	b.id.known = b.mm.known = b.pid.known = KM_UNREADABLE;
	assert_true(km_moment_is_of(&a, &b));
	assert_true(km_moment_is_of(&b, &a));
}

static void test_find(void **state)
{
	struct km_moment list[] = {vcpu(0x1000, 0x9000, 0), vcpu(0x1000, 0x3000, 1),
				   vcpu(0x5000, 0x6000, 0)};
	const struct km_moment *sorted[] = {&list[1], &list[2], &list[0]};
	const struct km_moments all = {.list = list, .count = 3, .sorted = sorted}, none = {0};
	struct km_moment like;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		like = list[i];
		assert_ptr_equal(km_moments_find(&all, &like), &list[i]);
		assert_null(km_moments_find(&none, &like));
		like.kvm++;
		assert_null(km_moments_find(&all, &like));
	}
	like = vcpu(0x1000, 0x4000, 0);
	assert_null(km_moments_find(&all, &like));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
