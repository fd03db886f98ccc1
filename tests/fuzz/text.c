// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as VMCOREINFO, and as the manifest of a capsule, which must not
 * change when it is printed and parsed again.
 */
#include "dump/vmcoreinfo.h"
#include "bytes.h"
#include "capsule/capsule_format.h"

static void ask_manifest(const char *text, size_t len)
{
	struct km_manifest manifest, again;
	km_error *err = km_manifest_parse(text, len, &manifest);

	if (!err) {
		char *print = km_manifest_print(&manifest), *reprint;

		if (!print || km_manifest_parse(print, strlen(print), &again))
			abort();
		reprint = km_manifest_print(&again);
		if (!reprint || strcmp(print, reprint))
			abort();
		free(print);
		free(reprint);
		km_manifest_deinit(&again);
	}
	km_manifest_deinit(&manifest);
	km_error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), value[16];
	uint64_t number;

	if (!text)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	if (km_vmcoreinfo_line(text, "OSRELEASE", value, sizeof(value)) && strlen(value) > 15)
		abort();
	km_vmcoreinfo_symbol(text, "init_top_pgt", &number);
	km_vmcoreinfo_number(text, "phys_base", &number);
	ask_manifest(text, len);
	free(text);
	return 0;
}
