// SPDX-License-Identifier: GPL-2.0-or-later
#include "spool.h"

#include "base/target.h"
#include "base/temporary.h"
#include "write_all.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHUNK (1u << 20)

/* Fill @buf from a pipe, whose reads return less at a time. Return -1 with errno on an error. */
static ssize_t read_chunk(int from, char *buf)
{
	size_t have = 0;

	while (have < CHUNK) {
		ssize_t got = read(from, buf + have, CHUNK - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

static bool is_zero(const char *buf, size_t len)
{
	return !buf[0] && !memcmp(buf, buf + 1, len - 1);
}

static bool write_chunk(int to, const char *buf, size_t len, uint64_t end)
{
	if (!is_zero(buf, len))
		return write_all(to, buf, len);
	return lseek(to, (off_t)len, SEEK_CUR) >= 0 && !ftruncate(to, (off_t)end);
}

static km_error *not_written(uint64_t done)
{
	struct statvfs st;
	int why = errno;
	uint64_t left =
		statvfs(km_temporary_folder(), &st) ? 0 : (uint64_t)st.f_bavail * st.f_frsize;

	return km_errorf(KM_EWRITE,
			 "%s: %s after %" PRIu64 " MB, %" PRIu64
			 " MB left: a dump from a pipe is kept in a temporary file; set TMPDIR",
			 km_temporary_folder(), strerror(why), done >> 20, left >> 20);
}

/* Where the dump starts in the flattened format: behind its header, and that of the first piece. */
#define FLATTENED_HEADER 4096
#define PIECE_HEADER	 16

/*
 * The size of an ELF dump by the program headers in its first @len bytes; it may be flattened. 0:
 * it is not known, as with kdump-compressed ones, whose headers do not contain it.
 */
static uint64_t claimed_size(const char *buf, size_t len)
{
	static const char flattened[] = "makedumpfile";
	size_t skip = FLATTENED_HEADER + PIECE_HEADER;
	uint64_t size = 0;
	Elf64_Ehdr elf;

	if (len > skip && !memcmp(buf, flattened, sizeof(flattened))) {
		buf += skip;
		len -= skip;
	}
	if (len < sizeof(elf))
		return 0;
	memcpy(&elf, buf, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t at = elf.e_phoff + (uint64_t)i * sizeof(Elf64_Phdr), end;
		Elf64_Phdr phdr;

		if (elf.e_phoff > len || at + sizeof(phdr) > len)
			break;
		memcpy(&phdr, buf + at, sizeof(phdr));
		end = phdr.p_offset + phdr.p_filesz;
		size = end > size ? end : size;
	}
	return size;
}

static km_error *check_space(uint64_t size)
{
	struct statvfs st;
	uint64_t left;

	if (statvfs(km_temporary_folder(), &st))
		return NULL;
	left = (uint64_t)st.f_bavail * st.f_frsize;
	if (size <= left)
		return NULL;
	return km_errorf(KM_EWRITE,
			 "%s: a dump from a pipe is kept in a temporary file; this one has %" PRIu64
			 " MB, and %" PRIu64 " MB are left: set TMPDIR",
			 km_temporary_folder(), size >> 20, left >> 20);
}

static km_error *copy(int from, int to, char *buf)
{
	uint64_t done = 0;
	ssize_t got;

	while ((got = read_chunk(from, buf)) > 0) {
		km_error *err = done ? NULL : check_space(claimed_size(buf, (size_t)got));

		if (err)
			return err;
		if (!write_chunk(to, buf, (size_t)got, done + (uint64_t)got))
			return not_written(done);
		done += (uint64_t)got;
		km_progress_on_terminal(NULL, "MB read", done >> 20);
	}
	if (got < 0)
		return km_errorf(KM_EREAD, "standard input: %s after %" PRIu64 " MB",
				 strerror(errno), done >> 20);
	return done ? NULL : km_errorf(KM_EDATA, "standard input is empty");
}

km_error *spool_pipe(int from, int *to)
{
	char *buf = malloc(CHUNK);
	km_error *err;

	if (!buf)
		return km_errorf(KM_ENOMEM, "out of memory");
	*to = km_temporary_file();
	err = *to < 0 ? not_written(0) : copy(from, *to, buf);
	km_progress_on_terminal(NULL, NULL, 0);
	if (err && *to >= 0)
		close(*to);
	free(buf);
	return err;
}
