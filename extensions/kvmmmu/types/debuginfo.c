// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/debuginfo.h"
#include "base/output.h"
#include "types/map_file.h"
#include "types/unpack.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Limits of a search: no module tree is deeper or larger. */
/* Names as text, for messages. */
#define TEXT_OF(number) #number
#define TEXT(number)	TEXT_OF(number)

#define MAX_DEPTH   12
#define MAX_ENTRIES 200000
#define MAX_SEEN    256

#define DEBUGINFOD_URLS "DEBUGINFOD_URLS"

/* How informative a failure is: if no file fits, the most informative failure is reported. */
enum rank { NOTHING, BAD_RELEASE, UNREADABLE, NO_DWARF, MISMATCH };

struct search {
	const struct km_debuginfo_query *q;
	struct km_debuginfo *info;
	bool found;
	km_error *best; /* the most informative failure so far */
	enum rank best_rank;
	unsigned int entries; /* directory entries examined */
	bool deep, too_deep;  /* folders inside are searched, too; some were not */
	unsigned int n_seen;
	struct {
		dev_t dev;
		ino_t ino;
	} seen[MAX_SEEN]; /* files examined: /lib may be /usr/lib */
};

/* ---- one ELF file ---- */

static void hex(char out[2 * KM_BUILD_ID_MAX + 1], const uint8_t *id, size_t len)
{
	out[0] = 0;
	for (size_t i = 0; i < len && i < KM_BUILD_ID_MAX; i++)
		sprintf(out + 2 * i, "%02x", id[i]);
}

static Elf *elf_of(const struct km_debuginfo *info)
{
	elf_version(EV_CURRENT);
	return elf_memory(info->image, info->size);
}

static Elf_Scn *section_by_name(Elf *elf, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(elf, &strings))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *found;

		if (!gelf_getshdr(scn, shdr) || shdr->sh_type == SHT_NOBITS || !shdr->sh_size)
			continue;
		found = elf_strptr(elf, strings, shdr->sh_name);
		if (found && !strcmp(found, name))
			return scn;
	}
	return NULL;
}

bool km_debuginfo_section(const struct km_debuginfo *info, const char *name, const void **data,
			  size_t *size)
{
	Elf *elf = elf_of(info);
	GElf_Shdr shdr;
	bool found;

	if (!elf)
		return false;
	found = section_by_name(elf, name, &shdr) && !(shdr.sh_flags & SHF_COMPRESSED) &&
		shdr.sh_offset <= info->size && shdr.sh_size <= info->size - shdr.sh_offset;
	if (found) {
		*data = (const char *)info->image + shdr.sh_offset;
		*size = shdr.sh_size;
	}
	elf_end(elf);
	return found;
}

static bool has_dwarf(const struct km_debuginfo *info)
{
	Elf *elf = elf_of(info);
	GElf_Shdr shdr;
	bool found;

	if (!elf)
		return false;
	found = section_by_name(elf, ".debug_info", &shdr) ||
		section_by_name(elf, ".zdebug_info", &shdr);
	elf_end(elf);
	return found;
}

static km_error *read_elf(struct km_debuginfo *info)
{
	Elf *elf = elf_of(info);
	const void *id;
	ssize_t len;

	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return km_errorf(KM_EDEBUGINFO, "%s is not an ELF file", info->path);
	}
	len = dwelf_elf_gnu_build_id(elf, &id);
	if (len > 0 && len <= KM_BUILD_ID_MAX) {
		memcpy(info->build_id, id, len);
		info->build_id_len = len;
	}
	elf_end(elf);
	return NULL;
}

/* Map or unpack @fd, which the caller closes. */
static km_error *load(struct km_debuginfo *info, int fd)
{
	km_error *err;
	struct stat st;
	void *file;

	if (fstat(fd, &st))
		return km_errorf(KM_EDEBUGINFO, "%s: %s", info->path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return km_errorf(KM_EDEBUGINFO, "%s is not an ELF file", info->path);
	/* writable, as relocations are applied in place; the file itself is not changed */
	file = km_map_file(fd, st.st_size, info->path);
	if (!file)
		return km_errorf(KM_EDEBUGINFO, "%s: %s", info->path, strerror(errno));
	if (!km_is_packed(file, st.st_size)) {
		info->image = file;
		info->size = st.st_size;
		return NULL;
	}
	err = km_unpack(file, st.st_size, &info->image, &info->size);
	km_unmap_file(file, st.st_size);
	return km_error_context(err, "%s", info->path);
}

static km_error *init_from_fd(struct km_debuginfo *info, const char *path, int fd)
{
	km_error *err;

	*info = (struct km_debuginfo){.path = strdup(path)};
	if (!info->path)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = load(info, fd);
	if (!err)
		err = read_elf(info);
	if (err)
		km_debuginfo_deinit(info);
	else
		km_output_protect(fd);
	return err;
}

km_error *km_debuginfo_init(struct km_debuginfo *info, const char *path)
{
	/* O_NONBLOCK: do not wait for the writer of a FIFO */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	km_error *err;

	*info = (struct km_debuginfo){};
	if (fd < 0)
		return km_errorf(KM_EDEBUGINFO, "%s: %s", path, strerror(errno));
	err = init_from_fd(info, path, fd);
	close(fd);
	return err;
}

void km_debuginfo_deinit(struct km_debuginfo *info)
{
	km_unmap_file(info->image, info->size);
	free(info->path);
	*info = (struct km_debuginfo){};
}

km_error *km_debuginfo_check(void)
{
	const char *path = km_map_trouble();

	if (!path)
		return NULL;
	return km_errorf(KM_EDEBUGINFO,
			 "%s: parts of it could not be read: it was changed, or its disk fails",
			 path);
}

/* ---- checking a file ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool skip(const char **p, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*p, word, len))
		return false;
	*p += len;
	return true;
}

/* kvm[.ko][.debug][.xz], vmlinux[-anything][.debug][.xz] */
static bool name_fits(const char *file, const char *name)
{
	static const char *const others[] = {".o", ".ko", ".py", ".map", ".lds"};
	bool vmlinux = !strcmp(name, "vmlinux");
	const char *p = file, *dot = strrchr(file, '.');

	for (; *name; name++, p++)
		if (*p != *name && !(strchr("-_", *name) && *p && strchr("-_", *p)))
			return false;
	if (vmlinux && *p == '-') {
		for (size_t i = 0; dot && i < sizeof(others) / sizeof(*others); i++)
			if (!strcmp(dot, others[i]))
				return false;
		return true;
	}
	if (!vmlinux)
		skip(&p, ".ko");
	skip(&p, ".debug");
	(void)(skip(&p, ".xz") || skip(&p, ".zst") || skip(&p, ".gz"));
	return !*p;
}

static void remember(struct search *s, enum rank rank, km_error *err)
{
	if (rank > s->best_rank) {
		km_error_free(s->best);
		s->best = err;
		s->best_rank = rank;
	} else {
		km_error_free(err);
	}
}

static km_error *mismatch(const struct km_debuginfo *info, const struct km_debuginfo_query *q)
{
	char have[2 * KM_BUILD_ID_MAX + 1], want[2 * KM_BUILD_ID_MAX + 1];

	hex(have, info->build_id, info->build_id_len);
	hex(want, q->build_id, q->build_id_len);
	if (!info->build_id_len)
		return km_errorf(KM_EDEBUGINFO, "%s has no build-id, the dump's %s has %s",
				 info->path, q->name, want);
	return km_errorf(KM_EDEBUGINFO, "%s has build-id %s, the dump's %s has %s", info->path,
			 have, q->name, want);
}

/* Keep an opened file if it fits the query, else remember why not. */
static void check_file(struct search *s, struct km_debuginfo *info)
{
	const struct km_debuginfo_query *q = s->q;
	bool named = name_fits(base_name(info->path), q->name);
	bool same = q->build_id_len ? info->build_id_len == q->build_id_len &&
					      !memcmp(info->build_id, q->build_id, q->build_id_len)
				    : named;

	if (!same) {
		/* a file of another name is not a mismatch: kvm.ko is not a bad kvm-amd.ko */
		if (named)
			remember(s, MISMATCH, mismatch(info, q));
	} else if (!has_dwarf(info)) {
		remember(s, NO_DWARF,
			 km_errorf(KM_EDEBUGINFO, "%s contains no DWARF debuginfo", info->path));
	} else {
		*s->info = *info;
		s->found = true;
		return;
	}
	km_debuginfo_deinit(info);
}

static bool seen(struct search *s, const struct stat *st)
{
	for (unsigned int i = 0; i < s->n_seen; i++)
		if (s->seen[i].dev == st->st_dev && s->seen[i].ino == st->st_ino)
			return true;
	if (s->n_seen < MAX_SEEN) {
		s->seen[s->n_seen].dev = st->st_dev;
		s->seen[s->n_seen++].ino = st->st_ino;
	}
	return false;
}

static void try_file(struct search *s, const char *path)
{
	struct km_debuginfo info;
	struct stat st;
	km_error *err;

	if (s->found || stat(path, &st) || !S_ISREG(st.st_mode) || seen(s, &st))
		return;
	err = km_debuginfo_init(&info, path);
	if (err)
		remember(s, UNREADABLE, err);
	else
		check_file(s, &info);
}

/* ---- places ---- */

static char *__attribute__((format(printf, 1, 2))) format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	return len < 0 ? NULL : text;
}

static void free_string(char **text)
{
	free(*text);
}

#define scoped_string __attribute__((cleanup(free_string))) char

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Try files of the right name in @dir and @depth levels below, without following links to folders.
 */
static void try_folder(struct search *s, const char *dir, int depth)
{
	struct dirent *entry;
	DIR *d;

	if (s->found || !(d = opendir(dir)))
		return;
	while (!s->found && s->entries < MAX_ENTRIES && (entry = readdir(d))) {
		scoped_string *path = NULL;
		struct stat st;

		s->entries++;
		if (entry->d_name[0] == '.')
			continue;
		if (name_fits(entry->d_name, s->q->name)) {
			path = format("%s/%s", dir, entry->d_name);
			if (path)
				try_file(s, path);
		}
		if (s->found || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		if (!depth) {
			s->too_deep |= s->deep && entry->d_type == DT_DIR;
			continue;
		}
		if (!path)
			path = format("%s/%s", dir, entry->d_name);
		if (path && !lstat(path, &st) && S_ISDIR(st.st_mode))
			try_folder(s, path, depth - 1);
	}
	closedir(d);
}

/* Likewise, as deep as folders are searched. */
static void try_tree(struct search *s, const char *dir)
{
	s->deep = true;
	try_folder(s, dir, MAX_DEPTH);
	s->deep = false;
}

/* DIR/.build-id/xx/yyyy.debug */
static void try_build_id(struct search *s, const char *dir)
{
	char id[2 * KM_BUILD_ID_MAX + 1];
	scoped_string *path = NULL;

	if (s->q->build_id_len < 2)
		return;
	hex(id, s->q->build_id, s->q->build_id_len);
	path = format("%s/.build-id/%.2s/%s.debug", dir, id, id + 2);
	if (path)
		try_file(s, path);
}

/* Try the release's files below @dir, in the layouts of Debian, Fedora, Ubuntu and SUSE. */
static void try_release(struct search *s, const char *dir)
{
	scoped_string *kvm = NULL, *modules = NULL, *boot = NULL;

	if (s->found)
		return;
	if (!strcmp(s->q->name, "vmlinux")) {
		/* boot/ contains all releases; without a build-id only the name identifies them */
		if (s->q->release)
			boot = format("%s/boot/vmlinux-%s", dir, s->q->release);
		if (boot) {
			static const char *const suffixes[] = {"", ".debug", ".xz", ".zst", ".gz"};

			for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
				scoped_string *path = format("%s%s", boot, suffixes[i]);

				if (path)
					try_file(s, path);
			}
		}
	}
	if (!s->q->release)
		return;
	modules = format("%s/lib/modules/%s", dir, s->q->release);
	if (!modules || !is_folder(modules))
		return;
	if (!strcmp(s->q->name, "vmlinux")) {
		scoped_string *build = format("%s/build", modules);

		try_folder(s, modules, 0);
		if (build)
			try_folder(s, build, 0);
		return;
	}
	kvm = format("%s/kernel/arch/x86/kvm", modules);
	if (kvm)
		try_folder(s, kvm, 0);
	try_tree(s, modules);
}

static void try_user_path(struct search *s, const char *path)
{
	scoped_string *dir = NULL, *debug = NULL, *usr = NULL;

	if (!is_folder(path)) {
		const char *base = base_name(path);

		if (access(path, R_OK))
			remember(s, UNREADABLE,
				 km_errorf(KM_EDEBUGINFO, "%s: %s", path, strerror(errno)));
		try_file(s, path);
		/* kvm-amd.ko may be in the same folder as kvm.ko */
		dir = base == path ? strdup(".") : strndup(path, base - path - (base - path > 1));
		if (dir)
			try_folder(s, dir, 0);
		return;
	}
	try_build_id(s, path);
	debug = format("%s/usr/lib/debug", path);
	usr = format("%s/usr", path);
	if (debug)
		try_build_id(s, debug);
	try_folder(s, path, 0);
	try_release(s, path);
	if (debug)
		try_release(s, debug);
	if (usr)
		try_release(s, usr);
	try_tree(s, path);
}

static void try_usual_places(struct search *s)
{
	const char *root = s->q->root ? s->q->root : "";
	static const char *const below[] = {"/usr/lib/debug", "/usr/lib/debug/usr", "", "/usr"};
	scoped_string *debug = format("%s/usr/lib/debug", root);

	if (debug)
		try_build_id(s, debug);
	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
		scoped_string *dir = format("%s%s", root, below[i]);

		if (dir)
			try_release(s, dir);
	}
}

/*
 * libdebuginfod is optional and is only loaded if the user has configured it. These are the three
 * functions of its header that are needed.
 */
struct debuginfod {
	void *(*begin)(void);
	int (*find_debuginfo)(void *client, const unsigned char *build_id, int len, char **path);
	void (*end)(void *client);
};

static void ask_debuginfod(struct search *s, const struct debuginfod *lib)
{
	void *client = lib->begin();
	scoped_string *path = NULL;
	struct km_debuginfo info;
	km_error *err;
	int fd;

	if (!client)
		return;
	fd = lib->find_debuginfo(client, s->q->build_id, s->q->build_id_len, &path);
	if (fd >= 0) {
		err = init_from_fd(&info, path ? path : "debuginfod", fd);
		close(fd);
		if (err)
			remember(s, UNREADABLE, err);
		else
			check_file(s, &info);
	}
	lib->end(client);
}

static void try_debuginfod(struct search *s)
{
	const char *urls = getenv(DEBUGINFOD_URLS);
	struct debuginfod lib;
	void *handle;

	if (s->found || !s->q->build_id_len || !urls || !*urls)
		return;
	handle = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_NODELETE);
	if (!handle)
		return;
	lib.begin = (__typeof__(lib.begin))dlsym(handle, "debuginfod_begin");
	lib.find_debuginfo =
		(__typeof__(lib.find_debuginfo))dlsym(handle, "debuginfod_find_debuginfo");
	lib.end = (__typeof__(lib.end))dlsym(handle, "debuginfod_end");
	if (lib.begin && lib.find_debuginfo && lib.end)
		ask_debuginfod(s, &lib);
	dlclose(handle);
}

/* Where the search did not look; it may be there. */
static const char *left_out(const struct search *s)
{
	if (s->entries == MAX_ENTRIES)
		return " (the search ended after " TEXT(MAX_ENTRIES) " files and folders)";
	if (s->too_deep)
		return " (folders more than " TEXT(MAX_DEPTH) " levels deep were not searched)";
	return "";
}

/* Return the most informative failure of a search, and what to do about it. */
static km_error *not_found(struct search *s)
{
	const struct km_debuginfo_query *q = s->q;
	const char *root = q->root ? q->root : "", *urls = getenv(DEBUGINFOD_URLS);
	const char *release = q->release ? q->release : "RELEASE";
	km_error *best = s->best, *err;

	if (best &&
	    ((s->best_rank == MISMATCH && !*left_out(s)) || km_error_code(best) == KM_ENOMEM))
		return best;
	if (!best)
		best = km_errorf(KM_EDEBUGINFO,
				 "no debuginfo of %s in %s%s%s/usr/lib/debug, %s/lib/modules/%s%s",
				 q->name, q->user_path ? q->user_path : "",
				 q->user_path ? ", " : "", root, root, release,
				 urls && *urls ? ", debuginfod" : "");
	err = km_errorf(KM_EDEBUGINFO,
			"%s%s; install the kernel's debuginfo (linux-image-%s-dbg, "
			"kernel-debuginfo, ...) or give its path with -k",
			km_error_text(best), left_out(s), release);
	km_error_free(best);
	return err;
}

/* Can @release, whatever a dump has there, be a part of a path that does not leave its folder? */
static bool is_file_name(const char *release)
{
	if (!isalnum((unsigned char)*release))
		return false;
	for (const char *c = release; *c; c++) {
		if (*c == '/' || !isascii((unsigned char)*c) || !isgraph((unsigned char)*c))
			return false;
	}
	return true;
}

km_error *km_debuginfo_find(const struct km_debuginfo_query *q, struct km_debuginfo *info)
{
	struct km_debuginfo_query by_id = *q;
	struct search s = {.q = q, .info = info};

	*info = (struct km_debuginfo){};
	if (q->release && !is_file_name(q->release)) {
		by_id.release = NULL;
		s.q = &by_id;
		if (*q->release)
			remember(&s, BAD_RELEASE,
				 km_errorf(KM_EDEBUGINFO,
					   "no debuginfo of %s with its build-id; the dump's "
					   "release, \"%s\", is not one",
					   q->name, q->release));
	}
	if (q->build_id_len > KM_BUILD_ID_MAX)
		return km_errorf(KM_EDATA, "the dump's %s has a build-id of %zu bytes", q->name,
				 q->build_id_len);
	if (q->user_path && *q->user_path)
		try_user_path(&s, q->user_path);
	if (!s.found)
		try_usual_places(&s);
	if (!s.found)
		try_debuginfod(&s);
	if (s.found) {
		km_error_free(s.best);
		return NULL;
	}
	return not_found(&s);
}
