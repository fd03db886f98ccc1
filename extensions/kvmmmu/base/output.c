// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* file descriptors that are checked: the kernel uses the lowest ones first */
#define MAX_FILES     1024
#define MAX_PROTECTED 64

/* A ring of files that were read. */
static struct file_id {
	dev_t dev;
	ino_t ino; /* 0: free */
} protected_files[MAX_PROTECTED];
static size_t protected_count;

bool km_output_is_stdout(const struct km_output *to)
{
	return !strcmp(to->path, "-");
}

static km_error *failed(const struct km_output *to, const char *why)
{
	return km_errorf(KM_EWRITE, "%s: %s", to->path, why);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_protected(const struct stat *st)
{
	for (size_t i = 0; i < MAX_PROTECTED; i++) {
		const struct file_id *id = &protected_files[i];

		if (id->ino && id->dev == st->st_dev && id->ino == st->st_ino)
			return true;
	}
	return false;
}

void km_output_protect(int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && !is_protected(&st))
		protected_files[protected_count++ % MAX_PROTECTED] =
			(struct file_id){st.st_dev, st.st_ino};
}

static bool is_at(const char *path, const struct stat *st)
{
	struct stat other;

	return path && !stat(path, &other) && is_same_file(&other, st);
}

/* Is it the dump, debuginfo, or another file that this process has open (as crash has)? */
static bool is_input(const struct km_target *target, const struct stat *st)
{
	bool found = is_protected(st) ||
		     (target && (is_at(target->name, st) || is_at(target->debug_dir, st)));
	struct stat other;

	for (int fd = 0; fd < MAX_FILES && !found; fd++)
		found = !fstat(fd, &other) && is_same_file(&other, st);
	return found;
}

/* *@exists: the file exists and is overwritten; then *@st is its status. */
static km_error *check(const struct km_output *to, const struct km_target *target, bool *exists,
		       struct stat *st)
{
	*exists = !lstat(to->path, st);
	if (!*exists)
		return errno == ENOENT ? NULL : failed(to, strerror(errno));
	if (S_ISDIR(st->st_mode))
		return failed(to, strerror(EISDIR));
	if (S_ISLNK(st->st_mode))
		return failed(to, "is a symbolic link, which is not followed");
	if (!S_ISREG(st->st_mode))
		return failed(to, "is not a regular file");
	if (is_input(target, st))
		return failed(to, "is being read by this program, and is not overwritten");
	if (!to->force)
		return failed(to, "exists; use --force to overwrite it");
	return NULL;
}

km_error *km_output_check(const struct km_output *to, const struct km_target *target)
{
	struct stat st;
	bool exists;

	if (!km_output_is_stdout(to))
		return check(to, target, &exists, &st);
	return isatty(STDOUT_FILENO) ? km_errorf(KM_EWRITE, "standard output is a terminal") : NULL;
}

/* Returns 0 or an errno value, as do the following functions. */
static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		bytes += written;
		len -= (size_t)written;
	}
	return 0;
}

/* Give the temporary file the owner and mode of the file that it replaces. */
static int copy_status(int fd, const struct stat *st)
{
	struct stat own;

	if (fstat(fd, &own))
		return errno;
	if ((own.st_uid != st->st_uid || own.st_gid != st->st_gid) &&
	    fchown(fd, st->st_uid, st->st_gid))
		return errno;
	return fchmod(fd, st->st_mode & 07777) ? errno : 0;
}

static int move_into_place(const char *from, const char *to, bool replace)
{
	if (replace)
		return rename(from, to) ? errno : 0;
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	/* not supported by the file system: it did not exist a moment ago */
	return errno != EINVAL || rename(from, to) ? errno : 0;
}

/* mkstemp() creates the file with mode 0600. */
static int replace(const struct km_output *to, const struct stat *existing, const void *bytes,
		   size_t len)
{
	char *temporary;
	int fd, error;

	if (asprintf(&temporary, "%s.XXXXXX", to->path) < 0)
		return ENOMEM;
	fd = mkstemp(temporary);
	error = fd < 0 ? errno : write_all(fd, bytes, len);
	if (!error && existing)
		error = copy_status(fd, existing);
	if (!error && fsync(fd))
		error = errno;
	if (fd >= 0 && close(fd) && !error)
		error = errno;
	if (!error)
		error = move_into_place(temporary, to->path, existing);
	if (error && fd >= 0)
		unlink(temporary);
	free(temporary);
	return error;
}

km_error *km_output_write(const struct km_output *to, const struct km_target *target,
			  const void *bytes, size_t len)
{
	struct stat st;
	bool exists;
	km_error *err;
	int error;

	if (km_output_is_stdout(to)) {
		err = km_output_check(to, target);
		error = err ? 0 : write_all(STDOUT_FILENO, bytes, len);
		return error ? km_errorf(KM_EWRITE, "standard output: %s", strerror(error)) : err;
	}
	err = check(to, target, &exists, &st);
	if (err)
		return err;
	error = replace(to, exists ? &st : NULL, bytes, len);
	return error ? failed(to, strerror(error)) : NULL;
}
