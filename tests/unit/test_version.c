// SPDX-License-Identifier: GPL-2.0-or-later
/* The version of a kernel, and which commits it has by that. */
#include "diagnose/catalogue.h"
#include "host/version.h"

#include "cm.h"

#include <stdio.h>
#include <string.h>

/* "6.1.176", and "+" if it is exact; "?" if it is not known. */
static const char *spelled(const char *release, const char *banner)
{
	static char text[32];
	struct km_version v = km_version_of(release, banner);

	if (!v.known)
		return "?";
	km_version_spell(&v, text, sizeof(text) - 1);
	if (v.exact)
		strcat(text, "+");
	return text;
}

static void test_versions(void **state)
{
	(void)state;
	/* banners of Debian's kernels in the lab */
	assert_string_equal(
		spelled("6.1.0-50-cloud-amd64",
			"Linux version 6.1.0-50-cloud-amd64 (debian-kernel@lists.debian.org) "
			"(gcc-12 "
			"(Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) "
			"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-02)"),
		"6.1.176+");
	assert_string_equal(spelled("7.3.4+deb13-cloud-amd64",
				    "#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1~bpo13+1 (2026-11-15)"),
			    "7.3.4+");
	assert_string_equal(spelled("7.4-rc3+unreleased-amd64", "#1 SMP Debian 7.4~rc3-1~exp1"),
			    "7.4-rc");
	/* a capsule without a banner: it may be anything */
	assert_string_equal(spelled("7.3.4+deb13-cloud-amd64", ""), "7.3.4");
	assert_string_equal(spelled("6.1.0-50-cloud-amd64", ""), "6.1.0");
	/* other vendors backport */
	assert_string_equal(spelled("5.14.0-503.el9.x86_64", "(gcc (GCC) 11.5.0) #1 SMP"),
			    "5.14.0");
	assert_string_equal(spelled("6.8.0-45-generic", "Ubuntu 6.8.0-45.45-generic 6.8.12"),
			    "6.8.0");
	assert_string_equal(spelled("6.12.9", "Linux version 6.12.9 (me@here)"), "6.12.9+");
	assert_string_equal(spelled("7.4.0-rc3", ""), "7.4-rc");
	assert_string_equal(spelled("6.12", ""), "6.12.0");
	assert_string_equal(spelled("next-20260101", ""), "?");
	assert_string_equal(spelled("6", ""), "?");
	assert_string_equal(spelled("", " Debian GNU"), "?");
}

static const char *has(const char *release, const char *releases)
{
	static const char *const words[] = {
		[KM_COMMIT_UNKNOWN] = "unknown",
		[KM_COMMIT_THERE] = "there",
		[KM_COMMIT_MISSING] = "missing",
	};
	struct km_version v = km_version_of(release, "");

	return words[km_version_has(&v, releases)];
}

static void test_commits(void **state)
{
	static const char with_stable[] = "7.2; 6.1.177, 6.6.144, 6.12.95, 6.18.38, 7.1.3";
	static const char by[] = "7.1; by 6.1.176, by 6.18.44";
	static const struct {
		const char *release, *releases, *has;
	} cases[] = {
		/* when it came into that series is not known */
		{"6.1.175", by, "unknown"},
		{"6.1.176", by, "there"},
		{"6.18.43", by, "unknown"},
		{"6.18.45", by, "there"},
		{"6.12.117", by, "unknown"},
		{"7.1.0", by, "there"},
		{"6.12.5", "6.12", "there"},
		{"6.12.0", "6.12", "there"},
		{"6.13.1", "6.12", "there"},
		{"7.0.1", "6.12", "there"},
		{"5.99.1", "6.12", "unknown"},
		/* a stable series may have it, too */
		{"6.11.9", "6.12", "unknown"},
		{"6.12.0-rc7", "6.12", "unknown"},
		{"6.13.0-rc1", "6.12", "there"},
		{"5.14.0-503.el9", "5.10", "there"},
		{"6.1.176", with_stable, "missing"},
		{"6.1.177", with_stable, "there"},
		{"6.1.178", with_stable, "there"},
		{"6.1.176-vendor", with_stable, "unknown"},
		{"6.1.177-vendor", with_stable, "there"},
		{"6.12.94", with_stable, "missing"},
		{"6.18.38", with_stable, "there"},
		{"7.1.2", with_stable, "missing"},
		{"7.1.0-rc2", with_stable, "unknown"},
		{"7.1.3", with_stable, "there"},
		{"7.2.0", with_stable, "there"},
		{"8.0.1", with_stable, "there"},
		{"6.17.9", with_stable, "unknown"},
		/* a stable release first: what other series have is not known */
		{"7.3.3", "7.3.4", "missing"},
		{"7.3.4", "7.3.4", "there"},
		{"7.4.1", "7.3.4", "unknown"},
		{"7.2.9", "7.3.4", "unknown"},
		{"6.1.51", "6.1.51", "there"},
		{"6.1.50", "6.1.51", "missing"},
		{"x", "6.12", "unknown"},
		{"6.12.1", "", "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(has(cases[i].release, cases[i].releases), cases[i].has))
			fail_msg("%s, %s: %s", cases[i].release, cases[i].releases,
				 has(cases[i].release, cases[i].releases));
	}
}

/* Each release in the catalogue is read: a kernel of the far future has what Linus released. */
static void test_the_catalogue_is_read(void **state)
{
	size_t cases = 0;

	(void)state;
	for (size_t i = 0; i < KM_DIAGNOSES; i++) {
		for (size_t j = 0; j < km_finding_texts[i].case_count; j++) {
			const char *releases = km_finding_texts[i].cases[j].release;
			unsigned major, minor, stable;
			int parts = sscanf(releases, "%u.%u.%u", &major, &minor, &stable);
			char release[40];

			assert_in_range(parts, 2, 3);
			snprintf(release, sizeof(release), "%u.%u.%u", major, minor,
				 parts == 3 ? stable : 0);
			assert_string_equal(has(release, releases), "there");
			cases++;
		}
	}
	assert_in_range(cases, 20, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_the_catalogue_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
