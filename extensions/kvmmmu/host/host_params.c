// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host_params.h"

#include "host/host_modules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How the value of a parameter is stored, by the symbol of its kernel_param_ops. */
enum param_kind {
	PARAM_BOOL,
	PARAM_INVERTED,
	PARAM_INT,
	PARAM_UINT,
	PARAM_ULONG,
	PARAM_STRING,
};

static const struct {
	const char *ops;
	enum param_kind kind;
	uint32_t size;
} kinds[] = {
	{"param_ops_bool", PARAM_BOOL, 1},
	{"param_ops_bool_enable_only", PARAM_BOOL, 1},
	{"param_ops_bint", PARAM_INT, 4},
	{"param_ops_invbool", PARAM_INVERTED, 1},
	{"param_ops_byte", PARAM_UINT, 1},
	{"param_ops_short", PARAM_INT, 2},
	{"param_ops_ushort", PARAM_UINT, 2},
	{"param_ops_int", PARAM_INT, 4},
	{"param_ops_uint", PARAM_UINT, 4},
	{"param_ops_long", PARAM_INT, 8},
	{"param_ops_ulong", PARAM_ULONG, 8},
	{"param_ops_hexint", PARAM_UINT, 4},
	{"param_ops_charp", PARAM_STRING, 8},
	/* kvm's own; arch/x86/kvm/mmu/mmu.c, arch/x86/kvm/svm/avic.c, virt/kvm/kvm_main.c */
	{"nx_huge_pages_ops", PARAM_INT, 4},
	{"nx_huge_pages_recovery_param_ops", PARAM_UINT, 4},
	{"avic_ops", PARAM_INT, 4},
	{"halt_poll_ns_ops", PARAM_UINT, 4},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char not_readable[] = "not readable";

/* Where the operations of each kind are; looking up a symbol takes long. */
struct reader {
	const struct km_kernel *k;
	struct km_host_params *all;
	uint64_t ops[KINDS]; /* 0: this kernel does not have them */
};

static void find_ops(struct reader *r)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (!km_kernel_symbol(r->k, kinds[i].ops, &r->ops[i]))
			r->ops[i] = 0;
	}
}

/* Return the index in kinds[] of the operations at @ops, -1 if there are none. */
static int kind_of(const struct reader *r, uint64_t ops)
{
	for (size_t i = 0; ops && i < KINDS; i++) {
		if (r->ops[i] == ops)
			return (int)i;
	}
	return -1;
}

static int64_t sign_extended(uint64_t raw, uint32_t size)
{
	unsigned shift = 64 - 8 * size;

	return (int64_t)(raw << shift) >> shift;
}

static void read_string(const struct km_kernel *k, uint64_t at, struct km_host_param *p)
{
	km_scoped_error *err = NULL;

	if (!at) {
		snprintf(p->value, sizeof(p->value), "(null)");
		return;
	}
	err = km_read_string_as(k->mem, at, p->value, sizeof(p->value), "module parameter");
	p->why = err ? not_readable : NULL;
}

static void spell(enum param_kind kind, uint64_t raw, uint32_t size, struct km_host_param *p)
{
	switch (kind) {
	case PARAM_BOOL:
		snprintf(p->value, sizeof(p->value), "%s", raw ? "Y" : "N");
		break;
	case PARAM_INVERTED:
		snprintf(p->value, sizeof(p->value), "%s", raw ? "N" : "Y");
		break;
	case PARAM_INT:
		snprintf(p->value, sizeof(p->value), "%" PRId64, sign_extended(raw, size));
		break;
	case PARAM_UINT:
	case PARAM_ULONG:
		snprintf(p->value, sizeof(p->value), "%" PRIu64, raw);
		break;
	case PARAM_STRING:
		break;
	}
}

static void read_value(const struct reader *r, uint64_t param, struct km_host_param *p)
{
	const struct km_kernel *k = r->k;
	struct km_val ops = km_kget(k, param, KM_M_kernel_param_ops);
	struct km_val arg = km_kget(k, param, KM_M_kernel_param_arg);
	int kind = km_is_known(ops) ? kind_of(r, ops.v) : -1;
	km_scoped_error *err = NULL;
	uint64_t raw = 0;

	if (!km_is_known(arg) || !km_is_known(ops)) {
		p->why = not_readable;
		return;
	}
	if (kind < 0) {
		p->why = "its type is not known";
		return;
	}
	err = km_read_virt_as(k->mem, arg.v, &raw, kinds[kind].size, "module parameter");
	if (err)
		p->why = not_readable;
	else if (kinds[kind].kind == PARAM_STRING)
		read_string(k, raw, p);
	else
		spell(kinds[kind].kind, raw, kinds[kind].size, p);
}

/* Add the parameter at @param if its name, after @prefix, can be read. Return false at the limit.
 */
static bool add_param(const struct reader *r, uint64_t param, const char *module,
		      const char *prefix)
{
	struct km_host_params *all = r->all;
	struct km_host_param *p = &all->params[all->count];
	struct km_val name = km_kget(r->k, param, KM_M_kernel_param_name);
	size_t skip = strlen(prefix);
	km_scoped_error *err = NULL;

	if (all->count == KM_HOST_PARAMS)
		return false;
	if (!km_is_known(name))
		return true;
	err = km_read_string_as(r->k->mem, name.v, p->name, sizeof(p->name),
				"name of a module parameter");
	if (err || strncmp(p->name, prefix, skip))
		return true;
	memmove(p->name, p->name + skip, strlen(p->name + skip) + 1);
	p->module = module;
	read_value(r, param, p);
	all->count++;
	return true;
}

static void params_of_module(const struct reader *r, uint64_t module, const char *name)
{
	uint32_t size = km_layout_sizeof(r->k->layout, KM_T_kernel_param);
	struct km_val first = km_kget(r->k, module, KM_M_module_kp);
	struct km_val count = km_kget(r->k, module, KM_M_module_num_kp);

	if (!size || !km_is_known(first) || !km_is_known(count)) {
		snprintf(r->all->why, sizeof(r->all->why),
			 "the parameters of %s are not readable (module.kp)", name);
		return;
	}
	for (uint64_t i = 0; i < count.v && i < KM_HOST_PARAMS; i++) {
		if (!add_param(r, first.v + i * size, name, ""))
			return;
	}
}

/* KVM is part of vmlinux: the parameters of all built-in modules are in one section. */
static void params_of_vmlinux(const struct reader *r)
{
	static const char *const modules[][2] = {
		{"kvm", "kvm."}, {"kvm_amd", "kvm_amd."}, {"kvm_intel", "kvm_intel."}};
	uint32_t size = km_layout_sizeof(r->k->layout, KM_T_kernel_param);
	uint64_t start, stop;

	if (!size || !km_kernel_symbol(r->k, "__start___param", &start) ||
	    !km_kernel_symbol(r->k, "__stop___param", &stop)) {
		snprintf(r->all->why, sizeof(r->all->why),
			 "neither struct module of kvm nor a symbol __start___param is known");
		return;
	}
	for (uint64_t at = start; at < stop && at - start < (1 << 20); at += size) {
		for (size_t i = 0; i < 3; i++)
			add_param(r, at, modules[i][0], modules[i][1]);
	}
}

void km_host_params_read(const struct km_kernel *k, struct km_host_params *all)
{
	struct reader r = {.k = k, .all = all};

	find_ops(&r);
	if (!km_host_module_addr(k, KM_HOST_KVM))
		params_of_vmlinux(&r);
	for (int i = 0; i < KM_HOST_MODULES; i++) {
		uint64_t addr = km_host_module_addr(k, i);

		if (addr && km_host_module_name(k, i))
			params_of_module(&r, addr, km_host_module_name(k, i));
	}
}
