// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of functions in kernels of each age; tests/oracle compares them with the kernels' source.
 */
#include "cm.h"

#include "kernel/function_names.h"

#include <string.h>

static struct km_kernel kernel;

/* Features of a kernel of this age, as km_kernel_open() finds them: oldest first. */
static void of_age(int age)
{
	struct km_features *f = &kernel.features;

	memset(f, 0, sizeof(*f));
	f->invalidate_all = age < 1;
	f->ignores_obsolete = age < 2;
	f->old_requests = age < 3;
	f->local_mmu_seq = age == 2 || age == 3;
	f->invalidate_gfns = age > 4;
	f->kvm_faultin_pfn = age < 6;
	f->spte_table = age > 6;
}

static void test_each_age(void **state)
{
	static const char *const names[][8] = {
		{"is_page_fault_stale", "mmu_notifier_retry", "mmu_notifier_retry_hva"},
		{"kvm_mmu_faultin_pfn", "try_async_pf", "kvm_faultin_pfn", "kvm_faultin_pfn",
		 "kvm_faultin_pfn", "kvm_faultin_pfn", "kvm_faultin_pfn"},
		{"mmu_invalidate_retry_gfn", "mmu_notifier_retry", "mmu_notifier_retry_hva",
		 "mmu_notifier_retry_hva", "mmu_invalidate_retry_hva", "mmu_invalidate_retry_hva"},
		{"direct_map", "__direct_map", "__direct_map", "__direct_map", "__direct_map"},
		{"spte_permission_fault", "is_access_allowed", "is_access_allowed",
		 "is_access_allowed", "is_access_allowed", "is_access_allowed", "is_access_allowed",
		 "is_access_allowed"},
		{"fast_page_fault"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int age = 0; age < 8; age++) {
			const char *older = age < 7 ? names[i][age + 1] : NULL;

			of_age(age);
			assert_string_equal(km_function_name(&kernel, names[i][0]),
					    older ? older : names[i][0]);
		}
	}
	/* a capsule of 7.3 without symbols */
	of_age(7);
	kernel.features.invalidate_gfns = false;
	assert_string_equal(km_function_name(&kernel, "kvm_mmu_faultin_pfn"),
			    "kvm_mmu_faultin_pfn");
}

static void test_names_in_a_text(void **state)
{
	static const char text[] = "direct_map(), FNAME(fetch), my_direct_map() and direct_mapx";
	static const char older[] = "__direct_map(), FNAME(fetch), my_direct_map() and direct_mapx";
	char buf[128];

	(void)state;
	of_age(3);
	assert_string_equal(km_function_names(&kernel, text, buf, sizeof(buf)), older);
	of_age(4);
	assert_string_equal(km_function_names(&kernel, text, buf, sizeof(buf)), text);
	assert_string_equal(km_function_names(&kernel, "", buf, sizeof(buf)), "");
	of_age(3);
	for (size_t size = 1; size <= sizeof(older); size++) {
		memset(buf, '#', sizeof(buf));
		km_function_names(&kernel, text, buf, size);
		assert_int_equal(strlen(buf), size - 1);
		assert_memory_equal(buf, older, size - 1);
		assert_int_equal(buf[size], '#');
	}
	strcpy(buf, text);
	km_rename_functions(&kernel, buf, sizeof(buf));
	assert_string_equal(buf, older);
	km_rename_functions(&kernel, buf, 20); /* cut off, as it would be anywhere */
	assert_int_equal(strlen(buf), 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_age),
		cmocka_unit_test(test_names_in_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
