// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration that a kernel with IKCONFIG contains: no kernel of the lab has one, so this is
 * made by hand. */
#include "cm.h"
#include "host/host_config.h"

#include <string.h>
#include <zlib.h>

static size_t packed(const char *text, unsigned char *out, size_t size)
{
	z_stream z = {.next_in = (void *)text, .avail_in = (uInt)strlen(text)};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_out = out;
	z.avail_out = (uInt)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void test_lines_about_kvm(void **state)
{
	unsigned char bytes[512];
	char text[256];
	size_t len = packed("# Linux\nCONFIG_KVM=m\nCONFIG_SMP=y\n# CONFIG_KVM_XEN is not set\n"
			    "CONFIG_KVM_AMD=m\n",
			    bytes, sizeof(bytes));

	(void)state;
	assert_true(km_host_config_lines(bytes, len, text, sizeof(text)));
	assert_string_equal(text, "CONFIG_KVM=m CONFIG_KVM_AMD=m");
	assert_true(km_host_config_lines(bytes, len, text, 18)); /* what fits, whole lines */
	assert_string_equal(text, "CONFIG_KVM=m ...");
}

static void test_damaged_config(void **state)
{
	unsigned char bytes[512];
	char text[64] = "old";
	size_t len = packed("CONFIG_KVM=m\n", bytes, sizeof(bytes));

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		assert_false(km_host_config_lines(bytes, cut, text, sizeof(text)));
		assert_string_equal(text, "");
	}
	bytes[0] ^= 1;
	assert_false(km_host_config_lines(bytes, len, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_about_kvm),
		cmocka_unit_test(test_damaged_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
