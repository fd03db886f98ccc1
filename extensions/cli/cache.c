// SPDX-License-Identifier: GPL-2.0-or-later
#include "cache.h"

#include "base/sha256.h"
#include "write_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY	"kvmmmu/memo"
#define MAX_FILES	64		   /* the oldest ones are removed */
#define MAX_TOTAL	((off_t)256 << 20) /* bytes of all of them, likewise */
#define MAX_FILE	(KM_MEMO_MAX + (1 << 20))
#define SETTLED_SECONDS 2    /* the resolution of the times of any file system */
#define STALE_SECONDS	3600 /* a temporary file of a process that was killed */
#define BLOCK		4096
#define NAME_SIZE	(KM_SHA256_TEXT + 16) /* with the suffix of a temporary file */

/* What changes if a file does. */
struct identity {
	uint64_t device, inode, size;
	int64_t changed[2], written[2]; /* seconds and nanoseconds: st_ctim, st_mtim */
};

struct cache {
	struct identity dump;
	char name[KM_SHA256_TEXT];
	int directory; /* -1: there is none yet */
	struct km_memo *memo;
};

static bool allowed;

void cache_allow(void)
{
	allowed = true;
}

/* ---- which file ---- */

static struct identity identity_of(const struct stat *st)
{
	return (struct identity){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed = {st->st_ctim.tv_sec, st->st_ctim.tv_nsec},
		.written = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec},
	};
}

/* Does each change of the file at @fd change its times? */
static bool leaves_traces(int fd, const struct stat *st)
{
	time_t settled = time(NULL) - SETTLED_SECONDS;
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type != PROC_SUPER_MAGIC &&
	       fs.f_type != FUSE_SUPER_MAGIC && st->st_nlink && st->st_ctim.tv_sec < settled &&
	       st->st_mtim.tv_sec < settled;
}

/* What the name is a digest of. */
struct key {
	struct identity dump, program;
	uint8_t first[BLOCK], last[BLOCK]; /* of the dump, as it is stored */
};

static bool fill_key(struct key *key, const struct km_file *file)
{
	size_t len = file->stored < BLOCK ? file->stored : BLOCK;
	struct stat dump, program;

	if (fstat(file->fd, &dump) || !leaves_traces(file->fd, &dump) ||
	    stat("/proc/self/exe", &program))
		return false;
	key->dump = identity_of(&dump);
	key->program = identity_of(&program);
	return pread(file->fd, key->first, len, 0) == (ssize_t)len &&
	       pread(file->fd, key->last, len, (off_t)(file->stored - len)) == (ssize_t)len;
}

static bool find_name(struct cache *cache, const struct km_file *file)
{
	struct key *key = calloc(1, sizeof(*key));
	uint8_t digest[KM_SHA256_SIZE];
	bool ok = key && fill_key(key, file) && km_sha256(key, sizeof(*key), digest);

	if (ok) {
		cache->dump = key->dump;
		km_sha256_text(digest, cache->name);
	}
	free(key);
	return ok;
}

/* ---- the directory ---- */

/* May nobody else write to it? */
static bool is_private(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Open the directory @path, which belongs to the user. Made if it is missing and @make is set. */
static int open_base(const char *path, bool make)
{
	struct stat st;
	int fd;

	if (make && mkdir(path, 0700) && errno != EEXIST)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid())
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Open ~/.cache: a home directory of another user, which sudo may leave in $HOME, is not used. */
static int open_home_cache(bool make)
{
	const char *home = secure_getenv("HOME");
	int in_home = home && *home == '/' ? open_base(home, false) : -1, fd = -1;
	char *path = NULL;

	if (in_home < 0)
		return -1;
	close(in_home);
	if (asprintf(&path, "%s/.cache", home) >= 0) {
		fd = open_base(path, make);
		free(path);
	}
	return fd;
}

/* Open directory @name in @parent, which is closed. Nobody else can write to it. */
static int open_inside(int parent, const char *name, bool make)
{
	struct stat st;
	int fd = -1;

	if (parent < 0)
		return -1;
	if (!make || !mkdirat(parent, name, 0700) || errno == EEXIST)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(parent);
	if (fd < 0 || (!fstat(fd, &st) && is_private(&st)))
		return fd;
	close(fd);
	return -1;
}

static int open_directory(bool make)
{
	const char *xdg = secure_getenv("XDG_CACHE_HOME");
	int base = xdg && *xdg == '/' ? open_base(xdg, make) : -1;

	if (!xdg || !*xdg)
		base = open_home_cache(make);
	return open_inside(open_inside(base, "kvmmmu", make), "memo", make);
}

/* ---- reading ---- */

static struct km_memo *read_memo(int fd)
{
	struct km_memo *memo = NULL;
	struct stat st;
	uint8_t *bytes;
	size_t len;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !is_private(&st) || st.st_size <= 0 ||
	    st.st_size > (off_t)MAX_FILE)
		return NULL;
	len = (size_t)st.st_size;
	bytes = malloc(len);
	if (bytes && pread(fd, bytes, len, 0) == (ssize_t)len)
		memo = km_memo_unpack(bytes, len);
	free(bytes);
	return memo;
}

static struct km_memo *find_memo(const struct cache *cache)
{
	struct km_memo *memo;
	int fd;

	if (cache->directory < 0)
		return NULL;
	fd = openat(cache->directory, cache->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	memo = read_memo(fd);
	close(fd);
	return memo;
}

static void free_cache(struct cache *cache)
{
	if (cache->directory >= 0)
		close(cache->directory);
	km_memo_free(cache->memo);
	free(cache);
}

struct cache *cache_open(const struct km_file *file)
{
	struct cache *cache = allowed ? calloc(1, sizeof(*cache)) : NULL;

	if (!cache)
		return NULL;
	cache->directory = -1;
	if (find_name(cache, file)) {
		cache->directory = open_directory(false);
		cache->memo = find_memo(cache);
		if (!cache->memo)
			cache->memo = km_memo_new();
	}
	if (cache->memo)
		return cache;
	free_cache(cache);
	return NULL;
}

struct km_memo *cache_memo(struct cache *cache)
{
	return cache ? cache->memo : NULL;
}

/* ---- writing ---- */

static bool is_unchanged(const struct cache *cache, const struct km_file *file)
{
	struct identity now;
	struct stat st;

	if (file->count || fstat(file->fd, &st))
		return false;
	now = identity_of(&st);
	return !memcmp(&now, &cache->dump, sizeof(now));
}

static bool write_file(int directory, const char *name, const uint8_t *bytes, size_t len)
{
	int fd =
		openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write_all(fd, (const char *)bytes, len);

	if (fd >= 0)
		ok = !close(fd) && ok;
	return ok;
}

/* Write it beside its place, then put it there: what others see is whole. */
static void write_memo(const struct cache *cache)
{
	char temporary[NAME_SIZE];
	uint8_t *bytes;
	size_t len;

	if (!km_memo_pack(cache->memo, &bytes, &len))
		return;
	snprintf(temporary, sizeof(temporary), "%s.%d", cache->name, (int)getpid());
	if (!write_file(cache->directory, temporary, bytes, len) ||
	    renameat(cache->directory, temporary, cache->directory, cache->name))
		unlinkat(cache->directory, temporary, 0);
	free(bytes);
}

/* ---- removing old files ---- */

struct old {
	time_t written;
	off_t size;
	char name[KM_SHA256_TEXT];
};

static int compare_age(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	return (x->written < y->written) - (x->written > y->written);
}

/* Does the cache write files with such names? */
static bool is_ours(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits == KM_SHA256_TEXT - 1 && strlen(name) < NAME_SIZE &&
	       (!name[digits] || name[digits] == '.');
}

/* Remember the file; a temporary one that nobody is writing any more is removed at once. */
static void look_at(int directory, const char *name, struct old *list, size_t *count, size_t room)
{
	struct stat st;

	if (!is_ours(name) || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	if (name[KM_SHA256_TEXT - 1]) {
		if (st.st_mtim.tv_sec < time(NULL) - STALE_SECONDS)
			unlinkat(directory, name, 0);
	} else if (*count < room) {
		list[*count].written = st.st_mtim.tv_sec;
		list[*count].size = st.st_size;
		memcpy(list[(*count)++].name, name, KM_SHA256_TEXT);
	}
}

static void remove_oldest(int directory)
{
	enum { ROOM = 4 * MAX_FILES };
	struct old *list = calloc(ROOM, sizeof(*list));
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t count = 0;
	off_t total = 0;

	for (const struct dirent *e; list && dir && (e = readdir(dir));)
		look_at(directory, e->d_name, list, &count, ROOM);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	if (count)
		qsort(list, count, sizeof(*list), compare_age);
	/* the first one is that which has just been written */
	for (size_t i = 0; i < count; i++) {
		total += list[i].size;
		if (i && (i >= MAX_FILES || total > MAX_TOTAL))
			unlinkat(directory, list[i].name, 0);
	}
	free(list);
}

void cache_close(struct cache *cache, const struct km_file *file)
{
	if (!cache)
		return;
	if (km_memo_changed(cache->memo) && is_unchanged(cache, file)) {
		if (cache->directory < 0)
			cache->directory = open_directory(true);
		if (cache->directory >= 0) {
			write_memo(cache);
			remove_oldest(cache->directory);
		}
	}
	free_cache(cache);
}
