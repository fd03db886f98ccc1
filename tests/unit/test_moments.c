// SPDX-License-Identifier: GPL-2.0-or-later
/* Which vCPUs of two dumps are the same one. They are made by hand. */
#include "commands/moments.h"

#include "cm.h"

#include <stdlib.h>
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

static const struct km_val val_of_no_one = {.known = KM_UNREADABLE};

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

/* Where the addresses of one are replaced: by PID, index and ID, if only one has them. */
static void test_by_owner(void **state)
{
	struct km_moment list[] = {vcpu(0x1000, 0x9000, 0), vcpu(0x1000, 0x3000, 1),
				   vcpu(0x5000, 0x6000, 0), vcpu(0x5000, 0x7000, 2)};
	struct km_moment other[] = {vcpu(0xa000, 0xb000, 1), vcpu(0xa000, 0xc000, 2)};
	struct km_moments all = {.list = list, .count = 4}, redacted = {.list = other, .count = 2};
	const struct km_moment *like = &other[0];

	(void)state;
	list[3].pid = val_of_no_one;
	assert_null(km_moments_sort(&all));
	assert_null(km_moments_sort(&redacted));
	assert_true(km_moments_share_addresses(&all, &redacted));
	km_moments_pair(&all, &redacted);
	assert_false(all.by_owner || redacted.by_owner);
	assert_ptr_equal(km_moments_find(&all, &list[2]), &list[2]);
	redacted.redacted = true;
	assert_false(km_moments_share_addresses(&all, &redacted));
	assert_false(km_moments_share_addresses(&redacted, &all));
	km_moments_pair(&all, &redacted);
	assert_true(all.by_owner && redacted.by_owner);
	assert_ptr_equal(km_moments_find(&all, like), &list[1]);
	assert_ptr_equal(km_moments_find(&redacted, &list[1]), like);
	/* two VMs of one process: it is not known which is meant */
	assert_null(km_moments_find(&all, &list[0]));
	assert_null(km_moments_find(&all, &list[2]));
	/* without a PID, none is the same */
	assert_null(km_moments_find(&redacted, &list[3]));
	assert_null(km_moments_find(&all, &list[3]));
	free(all.sorted);
	free(redacted.sorted);
}

/* Those that the user chose. */
static void test_keep(void **state)
{
	struct km_moment list[] = {vcpu(0x1000, 0x9000, 0), vcpu(0x1000, 0x3000, 1),
				   vcpu(0x5000, 0x6000, 0)};
	struct km_moments all = {.list = list, .count = 3};

	(void)state;
	assert_null(km_moments_sort(&all));
	km_moments_keep(&all, &(struct km_moments_scope){0});
	assert_int_equal(all.count, 3);
	km_moments_keep(&all, &(struct km_moments_scope){.kvm = 0x1000});
	assert_int_equal(all.count, 2);
	assert_int_equal(all.sorted[0]->vcpu, 0x3000);
	assert_int_equal(all.sorted[1]->vcpu, 0x9000);
	km_moments_keep(&all, &(struct km_moments_scope){.kvm = 0x1000, .vcpu = 0x9000});
	assert_int_equal(all.count, 1);
	assert_int_equal(all.list[0].vcpu, 0x9000);
	km_moments_keep(&all, &(struct km_moments_scope){.kvm = 0x5000});
	assert_int_equal(all.count, 0);
	free(all.sorted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_by_owner),
		cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
