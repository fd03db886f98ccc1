// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether two targets are of one boot, and which is the earlier one. */
#include "host/boot.h"

#include "cm.h"

#include <string.h>

static const struct km_val absent = {.known = KM_ABSENT};

/* With KASLR, up for 100 s. */
static struct km_boot boot(void)
{
	struct km_boot b = {
		.release = "7.3.4",
		.build_id = "aa",
		.id = {absent, absent},
		.page_offset_base = 0xffff8b6b40000000,
		.vmemmap_base = 0xffffd2c480000000,
		.vm_list = 0xffffffffc0a01000,
		.jiffies = km_known_val(25000),
		.seconds = km_known_val(1700000100),
		.uptime = km_known_val(100),
	};

	return b;
}

static struct km_boot_relation compare(const struct km_boot *a, const struct km_boot *b)
{
	struct km_boot_relation r;

	km_boot_compare(a, b, &r);
	assert_in_range(strlen(r.why), 10, sizeof(r.why) - 2);
	return r;
}

static void assert_same(const struct km_boot *a, const struct km_boot *b, enum km_same_boot same,
			const char *why)
{
	struct km_boot_relation r = compare(a, b);

	assert_int_equal(r.same, same);
	assert_non_null(strstr(r.why, why));
	r = compare(b, a);
	assert_int_equal(r.same, same);
}

/* @by seconds later in the same boot */
static struct km_boot later(uint64_t by)
{
	struct km_boot b = boot();

	b.jiffies.v += 250 * by;
	b.seconds.v += by;
	b.uptime.v += by;
	return b;
}

static void test_other_boots(void **state)
{
	struct km_boot a = boot(), b = boot();

	(void)state;
	strcpy(b.release, "7.3.5");
	assert_same(&a, &b, KM_BOOT_DIFFERS, "7.3.5");
	b = boot();
	strcpy(b.build_id, "ab");
	assert_same(&a, &b, KM_BOOT_DIFFERS, "build-id");
	b = boot();
	b.build_id[0] = '\0'; /* not known */
	assert_same(&a, &b, KM_BOOT_SAME, "same");
	b = boot();
	b.page_offset_base += 0x40000000;
	assert_same(&a, &b, KM_BOOT_DIFFERS, "KASLR");
	b = boot();
	b.vmemmap_base += 0x40000000;
	assert_same(&a, &b, KM_BOOT_DIFFERS, "KASLR");
	assert_false(compare(&a, &b).order_known);
	b = boot();
	b.vm_list += 0x1000;
	assert_same(&a, &b, KM_BOOT_UNKNOWN, "vm_list");
	b.vm_list = 0; /* moved in a redacted capsule */
	assert_same(&a, &b, KM_BOOT_SAME, "same");
}

/* boot_id settles it, if somebody read it in both. */
static void test_boot_ids(void **state)
{
	struct km_boot a = boot(), b = boot();

	(void)state;
	for (int i = 0; i < 2; i++)
		a.id[i] = b.id[i] = km_known_val(i);
	b.vm_list += 0x1000; /* kvm was loaded again */
	assert_same(&a, &b, KM_BOOT_SAME, "boot_id");
	b.id[1].v = 2;
	assert_same(&a, &b, KM_BOOT_DIFFERS, "boot_id");
	b.id[1].v = 1;
	b.id[0].v = 5;
	assert_same(&a, &b, KM_BOOT_DIFFERS, "boot_id");
	b = boot();
	b.id[0] = b.id[1] = km_known_val(0); /* nobody has read it */
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
	b.id[0].known = KM_UNREADABLE;
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
	b.id[0] = km_known_val(7);
	b.id[1].known = KM_UNREADABLE;
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
}

static void test_times(void **state)
{
	struct km_boot a = boot(), b = later(3600);

	(void)state;
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
	b.seconds.v += 2; /* each is cut to a second */
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
	b.seconds.v++; /* the clock was set: KASLR tells that it is the same boot */
	assert_same(&a, &b, KM_BOOT_SAME, "KASLR chose");
	a.page_offset_base = b.page_offset_base = 0xffff888000000000;
	assert_same(&a, &b, KM_BOOT_UNKNOWN, "3 s apart");
	a.page_offset_base = b.page_offset_base = 0xff11000000000000;
	assert_same(&a, &b, KM_BOOT_UNKNOWN, "3 s apart");
	b.seconds.v -= 3;
	assert_same(&a, &b, KM_BOOT_SAME, "time of the boot");
	b.uptime = absent; /* a capsule of an earlier version */
	assert_same(&a, &b, KM_BOOT_UNKNOWN, "not known");
	b = later(1);
	b.seconds.known = KM_UNREADABLE;
	b.page_offset_base = a.page_offset_base;
	assert_same(&a, &b, KM_BOOT_UNKNOWN, "not known");
}

static void test_order(void **state)
{
	struct km_boot a = boot(), b = later(5);
	struct km_boot_relation r = compare(&a, &b);

	(void)state;
	assert_true(r.order_known && r.later && r.has_interval && !r.same_moment);
	assert_int_equal(r.interval, 5);
	r = compare(&b, &a);
	assert_true(r.order_known && !r.later && r.has_interval);
	assert_int_equal(r.interval, 5);
	/* jiffies tell it within a second */
	b = boot();
	b.jiffies.v++;
	r = compare(&a, &b);
	assert_true(r.order_known && r.later && !r.same_moment);
	assert_int_equal(r.interval, 0);
	r = compare(&a, &a);
	assert_true(r.order_known && !r.later && r.same_moment);
	/* without them, the uptime only tells seconds */
	b.jiffies = absent;
	r = compare(&a, &b);
	assert_true(!r.order_known && !r.later && !r.same_moment && r.has_interval);
	b = later(1);
	b.jiffies.known = KM_UNREADABLE;
	r = compare(&a, &b);
	assert_true(r.order_known && r.later);
	assert_false(compare(&b, &a).later);
	b.uptime = absent;
	r = compare(&a, &b);
	assert_true(!r.order_known && !r.has_interval);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_boots),
		cmocka_unit_test(test_boot_ids),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
