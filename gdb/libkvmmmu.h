/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library as kvmmmu_gdb.py calls it: plain C for ctypes, which repeats struct kvmmmu_callbacks,
 * enum kvmmmu_access and enum kvmmmu_outcome.
 */
#ifndef KVMMMU_GDB_LIB_H
#define KVMMMU_GDB_LIB_H

#include <stdint.h>

#define KVMMMU_API __attribute__((visibility("default")))

/*
 * How a callback ended. It is ESCAPED before the call, and stays so if an exception gets past
 * Python's own handlers, as KeyboardInterrupt can.
 */
enum kvmmmu_outcome {
	KVMMMU_ESCAPED,
	KVMMMU_DONE,
	KVMMMU_FAILED,
	KVMMMU_INTERRUPTED,
};

/* How kernel and physical addresses are read. */
enum kvmmmu_access {
	KVMMMU_NO_TARGET,
	KVMMMU_PHYSICAL, /* gdb reads physical addresses: QEMU's physical-memory mode */
	KVMMMU_VIRTUAL,	 /* gdb reads kernel addresses; physical ones through the direct map */
	KVMMMU_CORE,	 /* the core file is read directly, not by gdb */
};

/* What Python provides. All are called on gdb's own thread, within kvmmmu_run(). */
struct kvmmmu_callbacks {
	void (*read)(uint64_t addr, void *buf, uint64_t len, int *outcome);
	void (*symbol)(const char *name, uint64_t *addr, int *outcome);
	void (*symbol_at)(uint64_t addr, char *name, uint64_t size, uint64_t *offset, int *outcome);
	void (*registers)(unsigned cpu, uint64_t *rip, uint64_t *rsp, uint64_t *rbp, int *outcome);
	void (*poll)(int *outcome); /* INTERRUPTED after Ctrl-C */
	void (*resume_for)(unsigned milliseconds, char *why, uint64_t size, int *outcome);
};

struct kvmmmu_gdb;

/*
 * Opens a target of gdb: @host is gdb and its version, @name the connection or the core's file
 * name, @debug where debuginfo is searched for first (may be NULL). Nothing is read yet. The caller
 * calls kvmmmu_close(). NULL: out of memory.
 */
KVMMMU_API struct kvmmmu_gdb *kvmmmu_open(const struct kvmmmu_callbacks *callbacks,
					  enum kvmmmu_access access, const char *host,
					  const char *name, const char *debug);
KVMMMU_API void kvmmmu_close(struct kvmmmu_gdb *gdb);

/*
 * Runs a command. @moving is the reason why the kernel runs meanwhile; NULL: it does not. The
 * caller frees *@out and *@errors with kvmmmu_free(). Returns an enum km_exit.
 */
KVMMMU_API int kvmmmu_run(struct kvmmmu_gdb *gdb, const char *moving, int argc, char **argv,
			  char **out, char **errors);
KVMMMU_API void kvmmmu_free(char *text);

/*
 * Resumes the target as explain --watch does, for tests. Returns NULL, or the error, which the
 * caller frees with kvmmmu_free().
 */
KVMMMU_API char *kvmmmu_resume_for(struct kvmmmu_gdb *gdb, unsigned milliseconds);

/* The name of command @index, NULL past the last. */
KVMMMU_API const char *kvmmmu_command(unsigned index);

/* Help for a command, or for all with NULL. The caller frees it with kvmmmu_free(). */
KVMMMU_API char *kvmmmu_help(const char *command);

/*
 * What may follow the word @before (NULL: the name) in a line of @command: see km_help_complete().
 * The caller frees it with kvmmmu_free().
 */
KVMMMU_API char *kvmmmu_complete(const char *command, const char *before);

#endif
