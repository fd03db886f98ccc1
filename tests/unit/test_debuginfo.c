// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding debuginfo by build-id, compressed or not, where distributions install it; and the errors
 * if it is missing or of another build.
 */
#include "types/debuginfo.h"
#include "types/dwarf_types.h"

#include "cm.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"

static const uint8_t id[20] = {0xaa, 0xbb, 0xcc, 1, 2, 3};
static size_t id_len = sizeof(id);
#define ID	"aabbcc0102030000000000000000000000000000"
#define OTHER	"ddeeff0102030000000000000000000000000000"
#define RELEASE "7.3.4+deb13-cloud-amd64"

/* Run a shell command in the test's folder. */
#define shell(fmt, ...) assert_int_equal(run("cd %s && " fmt, folder, ##__VA_ARGS__), 0)

/*
 * FOLDER/kvm.ko, other.ko (another build), noid.ko, bare.ko (no DWARF), zipped, and an empty root/.
 */
static int setup(void **state)
{
	unsetenv("DEBUGINFOD_URLS");
	return sample_setup(state) ||
	       run("cd %s && cc -g -w -c sample.c && mkdir root && "
		   "ld -r --build-id=0x" ID " -o kvm.ko sample.o && "
		   "ld -r --build-id=0x" OTHER " -o other.ko sample.o && "
		   "objcopy -R .note.gnu.build-id kvm.ko noid.ko && "
		   "strip -g kvm.ko -o bare.ko && xz -k kvm.ko && zstd -q kvm.ko && gzip -k kvm.ko",
		   folder);
}

static km_error *find_with(struct km_debuginfo_query q, struct km_debuginfo *info)
{
	static char root[64];

	snprintf(root, sizeof(root), "%s/root", folder);
	q.root = root;
	q.build_id = id;
	q.build_id_len = id_len;
	if (!q.name)
		q.name = "kvm";
	if (!q.release)
		q.release = RELEASE;
	return km_debuginfo_find(&q, info);
}

#define find(info, ...) find_with((struct km_debuginfo_query){__VA_ARGS__}, info)

/* Check that the file at @where (below root/ unless it starts with a slash) is found and usable. */
#define check_found(where, ...)                                                                    \
	do {                                                                                       \
		struct km_debuginfo info;                                                          \
		struct km_types *types;                                                            \
		km_error *err = find(&info, __VA_ARGS__);                                          \
		uint32_t size;                                                                     \
		if (err)                                                                           \
			fail_msg("%s", km_error_text(err));                                        \
		if (!strstr(info.path, where))                                                     \
			fail_msg("found %s, not %s", info.path, where);                            \
		assert_null(km_dwarf_open(&info, &types));                                         \
		assert_null(km_types_sizeof(types, "vcpu", &size));                                \
		assert_int_equal(size, sizeof(struct vcpu));                                       \
		km_types_free(types);                                                              \
		km_debuginfo_deinit(&info);                                                        \
	} while (0)

#define check_error(text, ...)                                                                     \
	do {                                                                                       \
		struct km_debuginfo info;                                                          \
		km_error *err = find(&info, __VA_ARGS__);                                          \
		assert_non_null(err);                                                              \
		assert_int_equal(km_error_code(err), KM_EDEBUGINFO);                               \
		if (!strstr(km_error_text(err), text))                                             \
			fail_msg("\"%s\" is not in: %s", text, km_error_text(err));                \
		assert_null(info.image);                                                           \
		km_error_free(err);                                                                \
	} while (0)

/* Put @file at @where below root/, check that it is found, and remove it. */
static void place(const char *file, const char *where)
{
	shell("mkdir -p root/$(dirname %s) && cp %s root/%s", where, file, where);
	check_found(where, );
	shell("rm -r root/*");
}

static void usual_places(void **state)
{
	static const char *const dirs[] = {"usr/lib/debug/lib", "usr/lib/debug/usr/lib", "lib",
					   "usr/lib"};
	static const char *const below[] = {"kernel/arch/x86/kvm", "updates/dkms", "extra/a/b/c"};
	static const char *const suffixes[] = {"", ".xz", ".zst", ".gz"};
	char path[256];

	(void)state;
	place("kvm.ko", "usr/lib/debug/.build-id/aa/"
			"bbcc0102030000000000000000000000000000.debug");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(below); j++) {
			snprintf(path, sizeof(path), "%s/modules/" RELEASE "/%s/kvm.ko", dirs[i],
				 below[j]);
			place("kvm.ko", path);
			strcat(path, ".debug");
			place("kvm.ko", path);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char file[16];

		snprintf(file, sizeof(file), "kvm.ko%s", suffixes[i]);
		snprintf(path, sizeof(path),
			 "usr/lib/debug/lib/modules/" RELEASE "/kernel/arch/x86/kvm/kvm.ko%s",
			 suffixes[i]);
		place(file, path);
	}
}

static void vmlinux_places(void **state)
{
	static const char *const paths[] = {
		"usr/lib/debug/boot/vmlinux-" RELEASE,
		"usr/lib/debug/boot/vmlinux-" RELEASE ".debug",
		"usr/lib/debug/lib/modules/" RELEASE "/vmlinux",
		"usr/lib/debug/usr/lib/modules/" RELEASE "/vmlinux.debug",
		"lib/modules/" RELEASE "/build/vmlinux",
		"boot/vmlinux-" RELEASE ".xz",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		shell("mkdir -p root/$(dirname %s) && cp kvm.ko%s root/%s", paths[i],
		      strstr(paths[i], ".xz") ? ".xz" : "", paths[i]);
		check_found(paths[i], .name = "vmlinux");
		check_error("no debuginfo of kvm in", .name = "kvm");
		shell("rm -r root/*");
	}
}

/* The module is kvm_amd, its file kvm-amd.ko; neither matches kvm.ko. */
static void names(void **state)
{
	(void)state;
	shell("mkdir -p root/lib/modules/" RELEASE "/kernel/arch/x86/kvm && "
	      "cp kvm.ko root/lib/modules/" RELEASE "/kernel/arch/x86/kvm/kvm-amd.ko");
	check_found("kvm-amd.ko", .name = "kvm_amd");
	check_found("kvm-amd.ko", .name = "kvm-amd");
	check_error("no debuginfo of kvm in", .name = "kvm");
	check_error("no debuginfo of kvm_intel in", .name = "kvm_intel");
	check_error("no debuginfo of kvm_amd in", .name = "kvm_amd", .release = "6.1.0");
	shell("rm -r root/*");
}

/* A dump may have anything as its release: it leads to no other folder. */
static void releases_that_are_paths(void **state)
{
	static const char *const releases[] = {
		"../../../outside",	 "../../../outside/", ".", "..", "",
		"a/../../../../outside", "7.3 \033[2J"};

	(void)state;
	shell("mkdir -p outside root/lib/modules/a 'root/lib/modules/7.3 \033[2J' root/boot && "
	      "cp kvm.ko outside && cp kvm.ko root/lib/modules/a/kvm.ko && "
	      "cp kvm.ko root/lib/modules && cp kvm.ko outside/vmlinux");
	for (id_len = 0; id_len <= sizeof(id); id_len += sizeof(id)) {
		for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
			const char *why = *releases[i] ? "is not one" : "no debuginfo of kvm";

			check_error(why, .name = "kvm", .release = releases[i]);
			check_error(*releases[i] ? "is not one" : "no debuginfo of vmlinux",
				    .name = "vmlinux", .release = releases[i]);
		}
	}
	id_len = 0;
	check_found("root/lib/modules/a/kvm.ko", .name = "kvm", .release = "a");
	id_len = sizeof(id);
	shell("rm -r outside root/*");
}

static void user_path(void **state)
{
	char path[128], kvm[128];

	(void)state;
	shell("mkdir -p user/deep/usr/lib/debug/x root/usr/lib/debug/lib/modules/" RELEASE
	      " && cp kvm.ko user/deep/usr/lib/debug/x/kvm.ko.debug && "
	      "cp kvm.ko root/usr/lib/debug/lib/modules/" RELEASE "/kvm.ko");
	snprintf(path, sizeof(path), "%s/user", folder);
	check_found("user/deep/usr/lib/debug/x/kvm.ko.debug", .user_path = path);
	/* any name is accepted if the build-id matches */
	shell("cp kvm.ko user/thing");
	snprintf(path, sizeof(path), "%s/user/thing", folder);
	check_found("user/thing", .user_path = path);
	shell("cp kvm.ko.zst user/kvm.ko.zst");
	snprintf(path, sizeof(path), "%s/user", folder);
	check_found("user/kvm.ko.zst", .user_path = path);
	shell("mkdir -p user/.build-id/aa && "
	      "cp kvm.ko user/.build-id/aa/bbcc0102030000000000000000000000000000.debug");
	check_found("user/.build-id", .user_path = path);
	/* in the folder of the file that the user gave for another module */
	shell("rm -r user && mkdir user && cp other.ko user/kvm.ko && cp kvm.ko user/kvm-amd.ko");
	snprintf(kvm, sizeof(kvm), "%s/user/kvm.ko", folder);
	check_found("user/kvm-amd.ko", .user_path = kvm, .name = "kvm_amd");
	/* a wrong file does not prevent finding the right one */
	check_found("root/usr/lib/debug", .user_path = kvm);
	check_found("root/usr/lib/debug", .user_path = "/nowhere/at/all");
	shell("rm -r root/* user");
	check_error("/nowhere/at/all: No such file", .user_path = "/nowhere/at/all");
}

static void refusals(void **state)
{
	const char *dir = "root/usr/lib/debug/lib/modules/" RELEASE "/kernel/arch/x86/kvm";

	(void)state;
	check_error("no debuginfo of kvm in ", );
	check_error("/root/lib/modules/" RELEASE, );
	check_error("linux-image-" RELEASE "-dbg", );

	shell("mkdir -p %s && cp other.ko %s/kvm.ko", dir, dir);
	check_error("kvm.ko has build-id " OTHER ", the dump's kvm has " ID, );
	/* more informative than a file without DWARF */
	shell("mkdir -p root/lib/modules/" RELEASE " && cp bare.ko root/lib/modules/" RELEASE
	      "/kvm.ko");
	check_error("has build-id " OTHER, );
	shell("rm -r root/usr");
	check_error("kvm.ko contains no DWARF debuginfo; install", );
	shell("mkdir -p %s && cp noid.ko %s/kvm.ko", dir, dir);
	check_error("kvm.ko has no build-id, the dump's kvm has " ID, );
	shell("rm -r root/lib && echo text >%s/kvm.ko", dir);
	check_error("kvm.ko is not an ELF file", );
	shell("head -c -100 kvm.ko.xz >%s/kvm.ko", dir);
	check_error("kvm.ko: damaged xz data", );
	shell("head -c -100 kvm.ko.zst >%s/kvm.ko", dir);
	check_error("kvm.ko: damaged zstd data", );
	shell("head -c -100 kvm.ko.gz >%s/kvm.ko", dir);
	check_error("kvm.ko: damaged gzip data", );
	shell("cp kvm.ko.xz x.xz && printf '\\377' | dd of=x.xz bs=1 seek=700 conv=notrunc "
	      "status=none && cp x.xz %s/kvm.ko",
	      dir);
	check_error("kvm.ko: damaged xz data", );
	shell("rm %s/kvm.ko && mkfifo %s/kvm.ko", dir, dir);
	check_error("no debuginfo of kvm in", );
	shell("rm %s/kvm.ko && ln -s kvm.ko %s/kvm.ko && ln -s .. %s/loop", dir, dir, dir);
	check_error("no debuginfo of kvm in", );
	shell("rm -r root/*");
}

/* A few kilobytes that unpack to much more than debuginfo does. */
static void bomb(void **state)
{
	char path[128];

	(void)state;
	shell("mkdir bomb && head -c 200M /dev/zero | zstd -q >bomb/bomb.ko");
	snprintf(path, sizeof(path), "%s/bomb/bomb.ko", folder);
	check_error("unpacks to more than 1", .user_path = path);
	shell("rm -r bomb");
}

/* Without a build-id in the dump, the name decides. */
static void unknown_build_id(void **state)
{
	char path[128];

	(void)state;
	id_len = 0;
	snprintf(path, sizeof(path), "%s/noid.ko", folder);
	check_error("no debuginfo of kvm_amd in", .user_path = path, .name = "kvm_amd");
	shell("mkdir named && cp noid.ko named/kvm.ko");
	snprintf(path, sizeof(path), "%s/named/kvm.ko", folder);
	check_found("named/kvm.ko", .user_path = path);
	check_error("no debuginfo of kvm_amd in", .user_path = path, .name = "kvm_amd");
	id_len = sizeof(id);
}

static void debuginfod(void **state)
{
	char value[128];

	(void)state;
	if (run("ldconfig -p | grep -q libdebuginfod.so.1"))
		skip();
	shell("mkdir -p server/buildid/" ID " && cp kvm.ko server/buildid/" ID "/debuginfo");
	shell("rm -rf root/*");
	snprintf(value, sizeof(value), "file://%s/server", folder);
	setenv("DEBUGINFOD_URLS", value, 1);
	snprintf(value, sizeof(value), "%s/cache", folder);
	setenv("DEBUGINFOD_CACHE_PATH", value, 1);
	check_found("cache/" ID "/debuginfo", );
	shell("rm -r cache server");
	check_error("debuginfod", );
	unsetenv("DEBUGINFOD_URLS");
}

static unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void no_file_stays_open(void **state)
{
	unsigned int before = open_files();
	struct km_debuginfo info;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/kvm.ko", folder);
	assert_null(find(&info, .user_path = path));
	assert_int_equal(open_files(), before);
	km_debuginfo_deinit(&info);
	km_debuginfo_deinit(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_places), cmocka_unit_test(vmlinux_places),
		cmocka_unit_test(names),	cmocka_unit_test(releases_that_are_paths),
		cmocka_unit_test(user_path),	cmocka_unit_test(refusals),
		cmocka_unit_test(bomb),		cmocka_unit_test(unknown_build_id),
		cmocka_unit_test(debuginfod),	cmocka_unit_test(no_file_stays_open),
	};

	return cmocka_run_group_tests(tests, setup, sample_teardown);
}
