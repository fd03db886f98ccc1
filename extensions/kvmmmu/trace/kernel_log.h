/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's messages in the log buffer of the kernel in a dump. */
#ifndef KVMMMU_KERNEL_LOG_H
#define KVMMMU_KERNEL_LOG_H

#include "kernel/printk_log.h"
#include "trace/log.h"

/*
 * Add KVM's messages in the kernel's log buffer to *@log, with their times ("[   22.860631]") and
 * sequence numbers, and count the buffer's records in *@counts. While a capsule is recorded, only
 * these messages are recorded: without those that print a guest's instruction pointer or registers,
 * without the host's registers at a WARN, which may hold a guest's data, and up to a process name,
 * unless the capsule may contain names. Errors as km_printk_read().
 */
km_error *km_log_of_kernel(const struct km_kernel *kernel, struct km_log *log,
			   struct km_printk_counts *counts);

#endif
