// SPDX-License-Identifier: GPL-2.0-or-later
#include "open.h"

#include "capsule/capsule.h"
#include "dump.h"
#include "spool.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static km_error *open_capsule(const char *path, const char *debug, struct km_opened *opened)
{
	(void)debug; /* types are in it */
	return km_capsule_open_target(path, opened);
}

static void close_dump(void *handle)
{
	dump_close(handle);
}

static km_error *open_dump(const char *path, const char *debug, struct km_opened *opened)
{
	struct dump *dump;
	km_error *err = dump_open(path, debug, &dump);

	if (!err)
		*opened = (struct km_opened){dump_target(dump), dump, close_dump};
	return err;
}

static bool is_anything(const char *path, km_error **err)
{
	(void)path;
	*err = NULL;
	return true;
}

/* The first one that accepts the path opens it. */
static const struct {
	bool (*takes)(const char *path, km_error **err);
	km_error *(*open)(const char *path, const char *debug, struct km_opened *opened);
} openers[] = {
	{km_is_capsule, open_capsule},
	{is_anything, open_dump}, /* and reports what is wrong with it */
};

/* A pipe can be read only once, and opening one without a writer never returns. */
static bool is_pipe(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISFIFO(st.st_mode);
}

static km_error *open_path(const char *path, const char *debug, struct km_opened *opened)
{
	km_error *err;
	size_t i = 0;

	if (is_pipe(path))
		return km_errorf(KM_EDATA, "%s: a pipe: use \"kvmmmu - COMMAND <PIPE\"", path);

	while (!openers[i].takes(path, &err)) {
		if (err)
			return err;
		i++;
	}
	return openers[i].open(path, debug, opened);
}

/* A file is read where it is; what comes through a pipe is copied first. */
static km_error *open_input(const char *debug, struct km_opened *opened)
{
	char path[64];
	struct stat st;
	int fd = STDIN_FILENO;
	km_error *err = NULL;

	/* it is opened by a path, like other dumps */
	if (access("/proc/self/fd", X_OK))
		return km_errorf(KM_EREAD, "standard input: /proc is not mounted: give the path of "
					   "the dump instead");
	if (isatty(fd))
		return km_errorf(KM_EDATA, "standard input is a terminal: use \"kvmmmu - COMMAND "
					   "<DUMP\", or a pipe");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = spool_pipe(STDIN_FILENO, &fd);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = km_error_context(open_path(path, debug, opened), "standard input");
	if (fd != STDIN_FILENO)
		close(fd);
	if (!err)
		opened->target->name = "standard input";
	return err;
}

km_error *open_target(const char *path, const char *debug, struct km_opened *opened)
{
	return strcmp(path, "-") ? open_path(path, debug, opened) : open_input(debug, opened);
}
