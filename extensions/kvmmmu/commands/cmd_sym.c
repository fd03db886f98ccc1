// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu sym: kvm's symbols, for debuggers that know only those of vmlinux. */
#include "commands/command_context.h"

#include "kernel/text.h"

#include <inttypes.h>
#include <string.h>

/* Does @word look like an address rather than a name? "add" is both; then it is a name. */
static bool is_address(const char *word)
{
	size_t digits = strspn(word, "0123456789abcdefABCDEF");

	return !strncmp(word, "0x", 2) || (digits >= 8 && !word[digits]);
}

static void describe(struct km_command_context *ctx, const char *name, uint64_t offset,
		     uint64_t addr)
{
	const char *text = offset ? km_doc_text(ctx->root, "%s+0x%" PRIx64, name, offset)
				  : km_doc_text(ctx->root, "%s", name);

	km_doc_field(ctx->root, "address", "address", km_v_hex(addr));
	km_doc_field(ctx->root, NULL, "symbol", km_v_text(text));
	km_doc_field(ctx->root, "name", NULL, km_v_text(km_doc_text(ctx->root, "%s", name)));
	km_doc_field(ctx->root, "offset", NULL, km_v_dec(offset));
}

static km_error *find_name(struct km_command_context *ctx, const char *name)
{
	uint64_t addr;

	if (!km_kernel_symbol(ctx->kernel, name, &addr))
		return km_errorf(KM_EUSAGE,
				 "no symbol \"%s\" in kvm, its vendor module or vmlinux%s", name,
				 km_target_info(km_memory_target(ctx->kernel->mem))
					 ? "; a capsule contains few symbols"
					 : "");
	describe(ctx, name, 0, addr);
	return NULL;
}

static km_error *find_address(struct km_command_context *ctx, const char *word)
{
	char name[128];
	uint64_t addr, offset;
	km_error *err = km_parse_hex(word, "address", &addr);

	if (!err)
		err = km_text_read(ctx->kernel);
	if (err)
		return err;
	if (!km_function_at(ctx->kernel, addr, name, sizeof(name), &offset))
		return km_errorf(KM_EUSAGE, "0x%" PRIx64 " is not in a function of the kernel",
				 addr);
	describe(ctx, name, offset, addr);
	return NULL;
}

km_error *km_command_sym(struct km_command_context *ctx)
{
	return is_address(ctx->argv[0]) ? find_address(ctx, ctx->argv[0])
					: find_name(ctx, ctx->argv[0]);
}
