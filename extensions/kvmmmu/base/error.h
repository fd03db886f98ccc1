/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors as values: a function that can fail returns NULL on success or an error object, and takes
 * pointers to its results last. An error is a code and one line of text, prefixed by its context.
 */
#ifndef KVMMMU_ERROR_H
#define KVMMMU_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum km_errc {
	KM_ENOMEM,     /* out of memory */
	KM_EUSAGE,     /* an invalid command line */
	KM_EABSENT,    /* a symbol, type or member that this kernel or dump does not have */
	KM_EREAD,      /* memory that the dump does not contain, or a file that cannot be read */
	KM_EDEBUGINFO, /* debuginfo that is missing, damaged, or of another build */
	KM_EDATA,      /* inconsistent data: a torn list, a loop, an impossible length */
	KM_EWRITE,     /* a file that could not be written */
	KM_ELIMIT,     /* a limit against hostile input was exceeded */
	KM_EINTR,      /* the user pressed Ctrl-C */
};

typedef struct km_error km_error;

/*
 * Create an error. Never returns NULL: if memory is exhausted, returns a static object. The caller
 * frees it with km_error_free().
 */
km_error *km_errorf(enum km_errc code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/*
 * Prefix "<context>: " to the text of @err, keep its code, and return @err. Returns NULL if @err is
 * NULL.
 */
km_error *km_error_context(km_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Has memory run out since the last call? If so, the answer may be incomplete even if the error was
 * handled: data that could not be read for lack of memory seems to be absent.
 */
bool km_memory_exhausted(void);

/* @err must not be NULL. The text lives as long as @err. */
enum km_errc km_error_code(const km_error *err);
const char *km_error_text(const km_error *err);

/* @err may be NULL. */
void km_error_free(km_error *err);

static inline void km_error_cleanup(km_error **err)
{
	km_error_free(*err);
}

/* An error that is freed at the end of its scope. */
#define km_scoped_error __attribute__((cleanup(km_error_cleanup))) km_error

#endif
