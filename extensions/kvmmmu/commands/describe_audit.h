/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anomalies of page tables: the table of audit, and what explain and report show of a VM. */
#ifndef KVMMMU_DESCRIBE_AUDIT_H
#define KVMMMU_DESCRIBE_AUDIT_H

#include "audit/audit.h"
#include "document/document.h"

void km_anomaly_columns(struct km_node *table);
void km_anomaly_row(struct km_node *table, const struct km_anomaly *anomaly);

/*
 * Audit @vm, a bounded number of its page tables, and add the first anomalies of each kind that are
 * more than notes to @*table; @node: where that is made if it is NULL. Nothing is added if there
 * are none, nor while a capsule is written. Errors as km_vm_audit().
 */
km_error *km_describe_vm_anomalies(const struct km_kernel *kernel, struct km_node *node,
				   struct km_node **table, const struct km_vm *vm,
				   struct km_tasks *tasks);

#endif
