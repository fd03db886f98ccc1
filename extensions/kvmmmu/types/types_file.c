// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/types_file.h"

#include "types/btf_types.h"
#include "types/debuginfo.h"
#include "types/dwarf_types.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* that of vmlinux is 5 to 10 MB */
#define MAX_BTF (256u << 20)

/* include/uapi/linux/btf.h */
static const unsigned char btf_magic[] = {0x9f, 0xeb, 1};

/* Read all of @file, whose size is not known. */
static km_error *read_all(FILE *file, const char *path, char **data, size_t *len)
{
	size_t size = 1 << 20, got;
	char *more;

	*data = NULL;
	*len = 0;
	do {
		size *= 2;
		more = size <= MAX_BTF ? realloc(*data, size) : NULL;
		if (!more)
			return size > MAX_BTF ? km_errorf(KM_EDATA, "%s: too large for BTF", path)
					      : km_errorf(KM_ENOMEM, "out of memory");
		*data = more;
		got = fread(*data + *len, 1, size - *len, file);
		*len += got;
	} while (*len == size);
	return ferror(file) ? km_errorf(KM_EDEBUGINFO, "%s: %s", path, strerror(errno)) : NULL;
}

/* The origin of types, for messages. The caller frees it; NULL if memory is exhausted. */
static char *origin_of(const char *path)
{
	size_t size = strlen(path) + sizeof("BTF of ");
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "BTF of %s", path);
	return text;
}

static km_error *open_btf(const void *data, size_t len, struct km_types *base, const char *path,
			  struct km_types **types)
{
	char *origin = origin_of(path);
	km_error *err = origin ? km_btf_open(data, len, base, origin, types)
			       : km_errorf(KM_ENOMEM, "out of memory");

	free(origin);
	return err;
}

/* Open the file for reading. Not a pipe: it may never end, and files are read twice. */
static km_error *open_file(const char *path, FILE **file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	*file = NULL;
	if (fd >= 0 && !fstat(fd, &st) && S_ISFIFO(st.st_mode)) {
		close(fd);
		return km_errorf(KM_EDEBUGINFO, "%s: a pipe, not a file", path);
	}
	*file = fd < 0 ? NULL : fdopen(fd, "r");
	if (*file)
		return NULL;
	if (fd >= 0)
		close(fd);
	return km_errorf(KM_EDEBUGINFO, "%s: %s", path, strerror(errno));
}

/* Open the file if it is BTF; else leave *@types NULL. */
static km_error *open_if_btf(const char *path, struct km_types *base, struct km_types **types)
{
	unsigned char magic[sizeof(btf_magic)];
	FILE *file;
	km_error *err = open_file(path, &file);
	char *data = NULL;
	size_t len;

	*types = NULL;
	if (err)
		return err;
	if (fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
	    !memcmp(magic, btf_magic, sizeof(magic))) {
		rewind(file);
		err = read_all(file, path, &data, &len);
		if (!err)
			err = open_btf(data, len, base, path, types);
	}
	free(data);
	fclose(file);
	return err;
}

km_error *km_types_open_file(const char *path, struct km_types *base, struct km_types **types)
{
	struct km_debuginfo info = {0};
	km_error *err = open_if_btf(path, base, types);
	const void *btf, *dwarf;
	size_t btf_len, dwarf_len;

	if (err || *types)
		return err;
	err = km_debuginfo_init(&info, path);
	if (err)
		return err;
	if (km_debuginfo_section(&info, ".BTF", &btf, &btf_len) &&
	    !km_debuginfo_section(&info, ".debug_info", &dwarf, &dwarf_len))
		err = open_btf(btf, btf_len, base, path, types);
	else
		err = km_dwarf_open(&info, types);
	km_debuginfo_deinit(&info);
	return err;
}
