// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/task_times.h"

struct km_task_times km_task_times_read(const struct km_kernel *k, uint64_t task)
{
	return (struct km_task_times){
		.utime = km_kconfirm(k, task, KM_M_task_struct_utime),
		.stime = km_kconfirm(k, task, KM_M_task_struct_stime),
		.nvcsw = km_kconfirm(k, task, KM_M_task_struct_nvcsw),
		.nivcsw = km_kconfirm(k, task, KM_M_task_struct_nivcsw),
	};
}
