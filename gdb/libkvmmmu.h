/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kvmmmu.py sees of the library: plain C that ctypes can call. The layouts of struct
 * kvmmmu_lent and enum kvmmmu_outcome are repeated there.
 */
#ifndef KVMMMU_GDB_LIB_H
#define KVMMMU_GDB_LIB_H

#include <stdint.h>

#define KVMMMU_API __attribute__((visibility("default")))

/*
 * How a function that Python lends ended. It stands at ESCAPED when the function is called: an
 * exception that gets past Python's own handlers, as KeyboardInterrupt can, leaves it there.
 */
enum kvmmmu_outcome {
	KVMMMU_ESCAPED,
	KVMMMU_DONE,
	KVMMMU_FAILED,
	KVMMMU_INTERRUPTED,
};

/* How kernel and physical addresses are read. */
enum kvmmmu_way {
	KVMMMU_NO_TARGET,
	KVMMMU_PHYSICAL, /* gdb reads physical addresses: QEMU's physical-memory mode */
	KVMMMU_VIRTUAL,	 /* gdb reads kernel addresses; physical ones through the direct map */
	KVMMMU_CORE,	 /* the core file is read past gdb */
};

/* What Python lends. All are called on gdb's own thread, within kvmmmu_run(). */
struct kvmmmu_lent {
	void (*read)(uint64_t addr, void *buf, uint64_t len, int *outcome);
	void (*symbol)(const char *name, uint64_t *addr, int *outcome);
	void (*symbol_at)(uint64_t addr, char *name, uint64_t size, uint64_t *offset, int *outcome);
	void (*registers)(unsigned cpu, uint64_t *rip, uint64_t *rsp, uint64_t *rbp, int *outcome);
	void (*poll)(int *outcome); /* INTERRUPTED once Ctrl-C was pressed */
	void (*resume_for)(unsigned milliseconds, char *why, uint64_t size, int *outcome);
};

struct kvmmmu_gdb;

/*
 * A target of gdb's: @host is gdb and its version, @name the connection or the core's file name,
 * @debug where debuginfo is looked for first (NULL is fine). Nothing is read yet. NULL when memory
 * is out.
 */
KVMMMU_API struct kvmmmu_gdb *kvmmmu_open(const struct kvmmmu_lent *lent, enum kvmmmu_way way,
					  const char *host, const char *name, const char *debug);
KVMMMU_API void kvmmmu_close(struct kvmmmu_gdb *gdb);

/*
 * Runs a command. @moving says why the kernel runs on meanwhile, NULL: it stands still. *@out and
 * *@errors are for kvmmmu_free(). The result is an enum km_exit.
 */
KVMMMU_API int kvmmmu_run(struct kvmmmu_gdb *gdb, const char *moving, int argc, char **argv,
			  char **out, char **errors);
KVMMMU_API void kvmmmu_free(char *text);

/* The hook of explain --watch, for tests: NULL, or what went wrong, for kvmmmu_free(). */
KVMMMU_API char *kvmmmu_resume_for(struct kvmmmu_gdb *gdb, unsigned milliseconds);

/* Name of command @index, NULL past the last. */
KVMMMU_API const char *kvmmmu_command(unsigned index);

/* Help of a command, or of all with NULL; for kvmmmu_free(). */
KVMMMU_API char *kvmmmu_help(const char *command);

#endif
