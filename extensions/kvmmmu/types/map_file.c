// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/map_file.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define MAX_MAPPINGS 16 /* vmlinux, kvm, its vendor module, and one that is being examined */
#define PAGE	     4096

struct mapping {
	uintptr_t start;
	size_t size; /* 0: free */
	volatile sig_atomic_t torn;
	char path[512];
};

static struct mapping mappings[MAX_MAPPINGS];
static size_t count;
static struct sigaction before; /* what handled SIGBUS */
static char torn_path[sizeof(mappings->path)], said_path[sizeof(mappings->path)];

static struct mapping *mapping_of(uintptr_t addr)
{
	for (size_t i = 0; i < MAX_MAPPINGS; i++) {
		if (mappings[i].size && addr - mappings[i].start < mappings[i].size)
			return &mappings[i];
	}
	return NULL;
}

/* Put a page of zeros where the file has none. Other faults happen again, with the old handler. */
static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);
	struct mapping *mapping = mapping_of(page);
	int error = errno;

	(void)context;
	if (!mapping || mmap((void *)page, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		sigaction(signo, &before, NULL);
	else
		mapping->torn = 1;
	errno = error;
}

static void handle_sigbus(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, &before);
}

void *km_map_file(int fd, size_t size, const char *path)
{
	size_t at = 0;
	void *image;

	while (at < MAX_MAPPINGS && mappings[at].size)
		at++;
	if (at == MAX_MAPPINGS) {
		errno = EMFILE;
		return NULL;
	}
	image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (image == MAP_FAILED)
		return NULL;
	snprintf(mappings[at].path, sizeof(mappings[at].path), "%s", path);
	mappings[at].start = (uintptr_t)image;
	mappings[at].torn = 0;
	mappings[at].size = size;
	if (!count++)
		handle_sigbus();
	return image;
}

static void take_trouble(struct mapping *mapping)
{
	if (mapping->torn)
		snprintf(torn_path, sizeof(torn_path), "%s", mapping->path);
	mapping->torn = 0;
}

void km_unmap_file(void *image, size_t size)
{
	struct mapping *mapping = image ? mapping_of((uintptr_t)image) : NULL;

	if (mapping) {
		take_trouble(mapping);
		mapping->size = 0;
		if (!--count)
			sigaction(SIGBUS, &before, NULL);
	}
	if (image)
		munmap(image, size);
}

const char *km_map_trouble(void)
{
	for (size_t i = 0; i < MAX_MAPPINGS; i++) {
		if (mappings[i].size)
			take_trouble(&mappings[i]);
	}
	if (!*torn_path)
		return NULL;
	snprintf(said_path, sizeof(said_path), "%s", torn_path);
	*torn_path = '\0';
	return said_path;
}
