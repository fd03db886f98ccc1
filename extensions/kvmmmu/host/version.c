// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Read "6.1" or "6.1.176" at *@at and advance *@at past it; false: there is no version. */
static bool read_version(const char **at, struct km_version *v, bool *has_stable)
{
	int len = 0, more = 0;

	*v = (struct km_version){.known = true};
	if (!isdigit((unsigned char)**at) ||
	    sscanf(*at, "%4u.%4u%n", &v->major, &v->minor, &len) < 2 || !len)
		return false;
	*at += len;
	*has_stable = sscanf(*at, ".%5u%n", &v->stable, &more) == 1;
	*at += *has_stable ? more : 0;
	return true;
}

/* What follows " Debian " in the banner, if it is a version: "6.1.176-1 (2026-07-02)". */
static const char *debian_version(const char *banner)
{
	static const char name[] = " Debian ";
	const char *found = NULL;

	for (const char *at = banner; (at = strstr(at, name)); at++) {
		if (isdigit((unsigned char)at[sizeof(name) - 1]))
			found = at + sizeof(name) - 1;
	}
	return found;
}

struct km_version km_version_of(const char *release, const char *banner)
{
	const char *debian = debian_version(banner), *at = debian ? debian : release;
	struct km_version v;
	bool has_stable;

	if (!read_version(&at, &v, &has_stable))
		return (struct km_version){.known = false};
	v.candidate = !strncmp(at, "-rc", 3) || !strncmp(at, "~rc", 3);
	v.exact = has_stable && (debian || !*at);
	return v;
}

struct km_version km_host_version(const struct km_kernel *k)
{
	bool before = km_memory_optional(k->mem, true);
	char banner[512] = "";
	uint64_t addr;

	if (km_kernel_symbol(k, "linux_banner", &addr))
		km_error_free(
			km_read_string_as(k->mem, addr, banner, sizeof(banner), "linux_banner"));
	km_memory_optional(k->mem, before);
	return km_version_of(k->release, banner);
}

char *km_version_spell(const struct km_version *v, char *buf, size_t size)
{
	if (v->candidate)
		snprintf(buf, size, "%u.%u-rc", v->major, v->minor);
	else
		snprintf(buf, size, "%u.%u.%u", v->major, v->minor, v->stable);
	return buf;
}

/* Is it of an earlier series than @other (negative), of the same (0), or of a later one? */
static int compare_series(const struct km_version *v, const struct km_version *other)
{
	if (v->major != other->major)
		return v->major < other->major ? -1 : 1;
	return (v->minor > other->minor) - (v->minor < other->minor);
}

/* What one release in the list says about @v. @first: no earlier one of its series has it. */
static enum km_has_commit judge(const struct km_version *v, const struct km_version *release,
				bool has_stable, bool first)
{
	int series = compare_series(v, release);

	if (!has_stable) /* a release of Linus: later series have it */
		return series > 0 || (!series && !v->candidate) ? KM_COMMIT_THERE
								: KM_COMMIT_UNKNOWN;
	if (series || v->candidate)
		return KM_COMMIT_UNKNOWN;
	if (v->stable >= release->stable)
		return KM_COMMIT_THERE;
	return v->exact && first ? KM_COMMIT_MISSING : KM_COMMIT_UNKNOWN;
}

enum km_has_commit km_version_has(const struct km_version *v, const char *releases)
{
	static const char by[] = "by ";
	enum km_has_commit found = KM_COMMIT_UNKNOWN;
	struct km_version release;
	bool has_stable, first;

	if (!v->known)
		return found;
	for (const char *at = releases; found == KM_COMMIT_UNKNOWN; at += strspn(at, ";, ")) {
		first = strncmp(at, by, sizeof(by) - 1) != 0;
		at += first ? 0 : sizeof(by) - 1;
		if (!read_version(&at, &release, &has_stable))
			break;
		found = judge(v, &release, has_stable, first);
	}
	return found;
}
