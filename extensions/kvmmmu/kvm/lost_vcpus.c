// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/lost_vcpus.h"

#include "base/loop.h"

#include <stdlib.h>
#include <string.h>

/* A process may have more (sysctl fs.nr_open), but a table of 8 MB has never been seen. */
#define MAX_FILES (1U << 20)

/* Is @addr a vCPU of @kvm? A pointer that is anything else leads to other bytes there. */
static bool is_vcpu(const struct km_kernel *k, uint64_t kvm, uint64_t addr)
{
	struct km_val owner = km_is_kernel_address(addr) ? km_kget(k, addr, KM_M_kvm_vcpu_kvm)
							 : (struct km_val){.known = KM_ABSENT};

	return km_is_known(owner) && owner.v == kvm;
}

static void add(const struct km_kernel *k, uint64_t kvm, uint64_t addr, struct km_lost_vcpus *lost)
{
	if (lost->count == lost->room || !is_vcpu(k, kvm, addr))
		return;
	for (size_t i = 0; i < lost->count; i++) {
		if (lost->addrs[i] == addr)
			return;
	}
	lost->addrs[lost->count++] = addr;
}

/* The file descriptors of vCPUs: KVM_CREATE_VCPU, create_vcpu_fd(). */
static km_error *look_in_files(const struct km_kernel *k, uint64_t kvm, uint64_t owner,
			       struct km_lost_vcpus *lost)
{
	struct km_val files = km_kget(k, owner, KM_M_task_struct_files);
	struct km_val table = km_kget(k, files.v, KM_M_files_struct_fdt);
	struct km_val max = km_kget(k, table.v, KM_M_fdtable_max_fds);
	struct km_val fds = km_kget(k, table.v, KM_M_fdtable_fd);
	uint64_t fops = 0;
	bool has_fops = km_kernel_symbol(k, "kvm_vcpu_fops", &fops);

	if (!km_is_known(fds) || !km_is_known(max))
		return NULL;
	for (uint64_t i = 0; i < max.v && i < MAX_FILES && lost->count < lost->room; i++) {
		km_error *err = km_check_interrupt(k->mem);
		struct km_val op, data;
		uint64_t file = 0;

		if (err)
			return err;
		km_error_free(km_read_virt_as(k->mem, fds.v + i * sizeof(file), &file, sizeof(file),
					      "fdtable.fd[]"));
		if (!file)
			continue;
		op = km_kget(k, file, KM_M_file_f_op);
		if (has_fops && (!km_is_known(op) || op.v != fops))
			continue;
		data = km_kget(k, file, KM_M_file_private_data);
		if (km_is_known(data))
			add(k, kvm, data.v, lost);
	}
	return NULL;
}

/* vcpu_load() registers the vCPU's notifier with the thread. */
static void look_at_thread(const struct km_kernel *k, uint64_t kvm, uint64_t task,
			   struct km_lost_vcpus *lost)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_vcpu_preempt_notifier);
	struct km_val at = km_kget(k, task, KM_M_task_struct_preempt_notifiers);
	struct km_loop loop = {0};

	while (link && km_is_known(at) && at.v && !km_loop_step(&loop, at.v)) {
		add(k, kvm, at.v - link->offset, lost);
		at = km_kget(k, at.v, KM_M_hlist_node_next);
	}
}

static km_error *look_at_threads(const struct km_kernel *k, uint64_t kvm, uint64_t owner,
				 struct km_lost_vcpus *lost)
{
	const struct km_member *node = km_layout_member(k->layout, KM_M_task_struct_thread_node);
	struct km_val signal = km_kget(k, owner, KM_M_task_struct_signal);
	struct km_val head = km_addr_of(k->layout, signal.v, KM_M_signal_struct_thread_head);
	struct km_loop loop = {0};
	struct km_val next;

	if (!node || !km_is_known(signal) || !signal.v || !km_is_known(head)) {
		look_at_thread(k, kvm, owner, lost);
		return NULL;
	}
	next = km_kget(k, head.v, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head.v && lost->count < lost->room) {
		km_error *err = km_check_interrupt(k->mem);

		if (err || km_loop_step(&loop, next.v))
			return err;
		look_at_thread(k, kvm, next.v - node->offset, lost);
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
	return NULL;
}

km_error *km_lost_vcpus_find(const struct km_kernel *k, uint64_t kvm, uint64_t owner, size_t room,
			     struct km_lost_vcpus *lost)
{
	km_error *err;

	memset(lost, 0, sizeof(*lost));
	lost->addrs = calloc(room + 1, sizeof(*lost->addrs));
	if (!lost->addrs)
		return km_errorf(KM_ENOMEM, "out of memory");
	lost->room = room;
	err = look_in_files(k, kvm, owner, lost);
	return err ? err : look_at_threads(k, kvm, owner, lost);
}

void km_lost_vcpus_deinit(struct km_lost_vcpus *lost)
{
	free(lost->addrs);
	memset(lost, 0, sizeof(*lost));
}
