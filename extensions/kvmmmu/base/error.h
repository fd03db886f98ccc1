/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors as values: a function that can fail returns NULL or an error object,
 * its results come last. An error is one line of text that chains its context.
 */
#ifndef KVMMMU_ERROR_H
#define KVMMMU_ERROR_H

#include <stdarg.h>

enum km_errc {
	KM_ENOMEM,     /* out of memory */
	KM_EUSAGE,     /* the user's words are off */
	KM_EABSENT,    /* a symbol, type or member that this kernel or dump does not have */
	KM_EREAD,      /* memory that the dump does not hold */
	KM_EDEBUGINFO, /* debuginfo missing, damaged, or of another build */
	KM_EDATA,      /* bytes that contradict themselves: a torn list, a loop, an absurd length */
	KM_EWRITE,     /* a file that could not be written */
	KM_EINTR,      /* the user pressed Ctrl-C */
};

typedef struct km_error km_error;

/* Makes an error; never NULL (a static object when memory is out). The receiver frees it. */
km_error *km_errorf(enum km_errc code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/* Prefixes "<context>: " to the text of @err and returns it; keeps its code. NULL stays NULL. */
km_error *km_error_context(km_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum km_errc km_error_code(const km_error *err);
const char *km_error_text(const km_error *err);

/* NULL is fine. */
void km_error_free(km_error *err);

static inline void km_error_cleanup(km_error **err)
{
	km_error_free(*err);
}

/* An error that the scope looks at and then forgets. */
#define km_scoped_error __attribute__((cleanup(km_error_cleanup))) km_error

#endif
