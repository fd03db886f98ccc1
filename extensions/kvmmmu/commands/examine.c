// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/examine.h"

#include "commands/cite_log.h"
#include "threads/tasks_read.h"

/* ftrace recorded the vCPU's own faults, not one that the user supplies. */
static bool is_given(const struct km_case_options *options)
{
	return options->has_addr || options->has_error_code;
}

km_error *km_examiner_init(struct km_examiner *by, const struct km_kernel *kernel,
			   const struct km_vms *vms)
{
	by->kernel = kernel;
	km_tasks_prepare(kernel, vms, &by->tasks);
	return km_recorded_faults_read(kernel, &by->recorded);
}

void km_examiner_deinit(struct km_examiner *by)
{
	km_recorded_faults_free(by->recorded);
	by->recorded = NULL;
	km_tasks_deinit(&by->tasks);
}

void km_examiner_forget(struct km_examiner *by, const struct km_vms *vms)
{
	km_tasks_deinit(&by->tasks);
	km_tasks_prepare(by->kernel, vms, &by->tasks);
}

void km_describe_idle_threads(struct km_node *node, const struct km_examiner *by)
{
	if (by->tasks.left_out)
		km_doc_note(node,
			    "%" PRIu64 " threads of VM owners that are not inside KVM are left "
			    "out: answers cannot name them as holders of a lock",
			    by->tasks.left_out);
}

km_error *km_examine(struct km_examiner *by, const struct km_vm *vm, const struct km_vcpu *vcpu,
		     struct km_examined *x)
{
	km_error *err = km_case_read(by->kernel, vm, vcpu, &by->tasks, &by->options, &x->c);

	if (err)
		return err;
	km_explain_case(&x->c, &x->e);
	err = km_tasks_error(&by->tasks);
	if (err)
		return err;
	x->is_recorded =
		!is_given(&by->options) &&
		km_recorded_faults_settle(by->recorded, &x->c, &x->e, &x->recorded, &x->verdict);
	if (by->log)
		km_cite_log(by->log, &x->e);
	return NULL;
}
