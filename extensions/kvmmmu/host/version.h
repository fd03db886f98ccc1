/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The upstream release that a kernel is based on, and whether it has a commit, as far as the
 * release shows.
 */
#ifndef KVMMMU_VERSION_H
#define KVMMMU_VERSION_H

#include "kernel/kernel.h"

/* The upstream version that a kernel is based on. */
struct km_version {
	unsigned major, minor, stable; /* 6.1.176; 6.12 is 6.12.0 */
	bool known;
	bool exact;	/* it is that release, so it lacks what that release lacks */
	bool candidate; /* "-rc": what comes before major.minor */
};

/*
 * Find the version in @release (utsname's) and @banner (linux_banner, or ""): Debian's banner names
 * the upstream version that its release may not have. Other vendors backport commits, so their
 * kernels are never exact.
 */
struct km_version km_version_of(const char *release, const char *banner);

/* The same of @kernel; a capsule may lack the banner. */
struct km_version km_host_version(const struct km_kernel *kernel);

/* Write "6.1.176" or "7.4-rc" to @buf. Return @buf. */
char *km_version_spell(const struct km_version *version, char *buf, size_t size);

enum km_has_commit {
	KM_COMMIT_UNKNOWN, /* no release of this series is named */
	KM_COMMIT_THERE,
	KM_COMMIT_MISSING,
};

/*
 * Does a kernel of @version have the commit that is in @releases, "7.2; 6.1.177, by 6.12.95": first
 * the one that had it first, then stable releases. "by": an earlier one of that series may have it.
 */
enum km_has_commit km_version_has(const struct km_version *version, const char *releases);

#endif
