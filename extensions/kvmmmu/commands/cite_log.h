/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's messages in the log of the kernel, as evidence: for explain and report. */
#ifndef KVMMMU_CITE_LOG_H
#define KVMMMU_CITE_LOG_H

#include "commands/command_context.h"
#include "trace/log.h"

/*
 * Read KVM's messages in the log buffer of the kernel into *@log, which the caller frees; NULL
 * after an error. An unreadable log is not an error: *@log is then empty, and *@why, if @why is not
 * NULL, is the reason, which lives with the answer; otherwise *@why is NULL. KM_EINTR, KM_ELIMIT,
 * KM_ENOMEM.
 */
km_error *km_read_log(const struct km_command_context *ctx, struct km_log **log, const char **why);

/* Add what KVM itself wrote into the kernel log about the findings of @e to their evidence. */
void km_cite_log(const struct km_log *log, struct km_explanation *e);

#endif
