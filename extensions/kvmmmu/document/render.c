// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/render.h"

#include <errno.h>
#include <string.h>

static const struct km_renderer renderers[KM_FORMATS] = {
#define KM_RENDERER(id, name, media, suffix, is_text)                                              \
	[KM_FORMAT_##id] = {#name, media, suffix, is_text, km_render_##name},
#include "document/renderers.def"
#undef KM_RENDERER
};

const struct km_renderer *km_renderer(enum km_format format)
{
	return &renderers[format];
}

bool km_format_parse(const char *name, enum km_format *format)
{
	for (int i = 0; i < KM_FORMATS; i++) {
		if (!strcmp(name, renderers[i].name)) {
			*format = i;
			return true;
		}
	}
	return false;
}

/* Where the bytes of an answer go. */
struct forwarder {
	FILE *out;
	bool ascii; /* one '?' for the bytes of a character that is not ASCII */
};

static ssize_t forward(void *cookie, const char *bytes, size_t len)
{
	const struct forwarder *to = cookie;

	if (!to->ascii)
		return fwrite(bytes, 1, len, to->out) == len ? (ssize_t)len : 0;
	for (size_t i = 0; i < len; i++) {
		/* bytes after the first of a character are 10xxxxxx */
		if ((bytes[i] & 0xc0) != 0x80 &&
		    fputc(bytes[i] & 0x80 ? '?' : bytes[i], to->out) == EOF)
			return 0;
	}
	return (ssize_t)len;
}

/*
 * glibc does not set the error flag of a memory stream that cannot grow; only the return value of
 * each call reports it. Write through a stream whose flag is set.
 */
static int write_checked(const struct km_document *doc, enum km_format format,
			 const struct km_render_options *options, FILE *out)
{
	struct forwarder to = {out, options->ascii && km_renderer(format)->is_text};
	FILE *checked = fopencookie(&to, "w", (cookie_io_functions_t){.write = forward});
	bool rendered;
	int failed;

	if (!checked)
		return -1;
	rendered = km_renderer(format)->render(doc, options, checked);
	if (!rendered)
		errno = ENOMEM;
	failed = !rendered || fflush(checked) || ferror(checked);
	return fclose(checked) || failed || fflush(out) || ferror(out) ? -1 : 0;
}

km_error *km_render(const struct km_document *doc, enum km_format format,
		    const struct km_render_options *options, FILE *out)
{
	long begin = ftell(out);
	km_error *err;

	if (km_document_oom(doc) || !km_document_root(doc))
		return km_errorf(KM_ENOMEM, "out of memory");
	if (!write_checked(doc, format, options, out))
		return NULL;
	err = km_errorf(KM_EWRITE, "cannot write the answer: %s", strerror(errno));
	if (begin >= 0)
		fseek(out, begin, SEEK_SET);
	return err;
}
