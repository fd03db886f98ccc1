// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a user's word names: VMs and vCPUs. The VMs are made by hand: no dump here has a process
 * with two of them.
 */
#include "cm.h"

#include "commands/command_context.h"

#include <stdio.h>
#include <string.h>

#define VM_ADDR	  0xffff888100000000ULL
#define VCPU_ADDR 0xffff888200000000ULL

/* VM 0 of process 10; VMs 1 and 2 of process 20; two vCPUs each. */
struct host {
	struct km_vcpu vcpus[3][2];
	struct km_vm vms[3];
	struct km_vms all;
};

static void fill_host(struct host *h)
{
	static const unsigned pids[] = {10, 20, 20};

	memset(h, 0, sizeof(*h));
	for (unsigned i = 0; i < 3; i++) {
		struct km_vm *vm = &h->vms[i];

		vm->number = i;
		snprintf(vm->comm, sizeof(vm->comm), "%s", i ? "other" : "qemu");
		vm->addr = VM_ADDR + 0x1000 * i;
		vm->pid = km_known_val(pids[i]);
		vm->vcpus = h->vcpus[i];
		vm->vcpu_count = 2;
		for (unsigned j = 0; j < 2; j++) {
			h->vcpus[i][j].idx = j;
			h->vcpus[i][j].addr = VCPU_ADDR + 0x1000 * i + 0x100 * j;
		}
	}
	h->all.vms = h->vms;
	h->all.count = 3;
}

/* The number of the VM, or the error's text. */
static const char *vm_named(const char *word)
{
	static char text[256];
	struct host h;
	struct km_vm *vm;
	km_error *err;

	fill_host(&h);
	err = km_select_vm(&h.all, word, &vm);
	if (err)
		snprintf(text, sizeof(text), "%s", km_error_text(err));
	else
		snprintf(text, sizeof(text), "VM %u", vm->number);
	km_error_free(err);
	return text;
}

static void test_vms(void **state)
{
	(void)state;
	assert_string_equal(vm_named("0"), "VM 0");
	assert_string_equal(vm_named("2"), "VM 2");
	assert_string_equal(vm_named("10"), "VM 0");
	assert_string_equal(vm_named("ffff888100001000"), "VM 1");
	assert_string_equal(vm_named("0xffff888100002000"), "VM 2");
	assert_non_null(strstr(vm_named("3"), "no VM \"3\": there are VM 0 ("));
	assert_non_null(strstr(vm_named("0x20"), "no VM"));
	assert_non_null(strstr(vm_named("zz"), "no VM"));
}

static void test_a_process_with_two_vms_is_asked_about(void **state)
{
	(void)state;
	assert_string_equal(vm_named("20"), "process 20 has 2 VMs: use one of the numbers 1, 2");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(vm_named("qemu"), "VM 0");
	assert_string_equal(vm_named("other"),
			    "several VMs belong to \"other\": use one of the numbers 1, 2, ...");
	assert_non_null(strstr(vm_named("qem"), "no VM \"qem\""));
	assert_non_null(strstr(vm_named(""), "no VM"));
}

/* "VM:INDEX" of the vCPU, "VM" of a VM, or the error's text: as explain takes a word. */
static const char *named(const char *word)
{
	static char text[256];
	struct host h;
	struct km_command_context ctx = {.argc = 1, .argv = (char *[]){(char *)word}};
	struct km_vm *vm;
	struct km_vcpu *vcpu;
	km_error *err;

	fill_host(&h);
	ctx.vms = h.all;
	err = km_select(&ctx, &vm, &vcpu);
	if (err)
		snprintf(text, sizeof(text), "%s", km_error_text(err));
	else if (vcpu)
		snprintf(text, sizeof(text), "%u:%u", vm->number, (unsigned)vcpu->idx);
	else
		snprintf(text, sizeof(text), "%u", vm->number);
	km_error_free(err);
	return text;
}

static void test_vms_and_vcpus(void **state)
{
	(void)state;
	assert_string_equal(named("1"), "1");
	assert_string_equal(named("1:1"), "1:1");
	assert_string_equal(named("10:1"), "0:1");
	assert_string_equal(named("qemu:1"), "0:1");
	assert_string_equal(named("qemu"), "0");
	assert_string_equal(named("ffff888200002100"), "2:1");
	assert_non_null(strstr(named("1:2"), "VM 1 has no vCPU \"2\""));
	assert_non_null(strstr(named("1:"), "the index of a vCPU is missing after \"1:\""));
	assert_non_null(strstr(named("7:0"), "no VM \"7\""));
	assert_non_null(strstr(named("77"), "no VM or vCPU \"77\": there are VM 0"));
	/* never the first of two */
	assert_non_null(strstr(named("20"), "process 20 has 2 VMs"));
	assert_non_null(strstr(named("20:0"), "process 20 has 2 VMs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vms),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_process_with_two_vms_is_asked_about),
		cmocka_unit_test(test_vms_and_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
