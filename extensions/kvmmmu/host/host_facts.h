/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What maintainers ask about a host before they look at a bug: its kernel, processor and settings,
 * and the parameters of KVM's modules. A fact that is not known contains the reason.
 */
#ifndef KVMMMU_HOST_FACTS_H
#define KVMMMU_HOST_FACTS_H

#include "host/host_params.h"

#define KM_HOST_FACT_TEXT 2304 /* a command line has up to 2048 bytes */

struct km_host_fact {
	const char *id;		      /* "command_line" */
	const char *label;	      /* "command line" */
	char text[KM_HOST_FACT_TEXT]; /* "": not known */
	char why[160];		      /* why it is not known */
	bool lacking;		      /* because the capsule, or its kernel, lacks the symbol */
};

/* The facts, in the order in which they are asked: KM_HOST_FACT(id, label). */
#define KM_HOST_FACTS(F)                                                                           \
	F(build, "kernel build")                                                                   \
	F(command_line, "command line")                                                            \
	F(taint, "taint")                                                                          \
	F(cpu, "CPU")                                                                              \
	F(microcode, "microcode")                                                                  \
	F(cpus, "CPUs online")                                                                     \
	F(hypervisor, "host is a guest")                                                           \
	F(hardware, "hardware")                                                                    \
	F(memory, "memory")                                                                        \
	F(ksm, "KSM")                                                                              \
	F(numa_balancing, "NUMA balancing")                                                        \
	F(thp, "huge pages (THP)")                                                                 \
	F(preemption, "preemption")                                                                \
	F(config, "config, KVM lines")                                                             \
	F(time, "time of the dump")                                                                \
	F(uptime, "uptime")

enum km_host_fact_id {
#define KM_HOST_FACT_ID(id, label) KM_HF_##id,
	KM_HOST_FACTS(KM_HOST_FACT_ID)
#undef KM_HOST_FACT_ID
		KM_HOST_FACT_COUNT,
};

struct km_host_facts {
	struct km_host_fact facts[KM_HOST_FACT_COUNT];
	struct km_host_params params;
};

/*
 * Return the facts, which the caller frees; NULL if memory is exhausted. The command line is
 * recorded in capsules only with the names of processes.
 */
struct km_host_facts *km_host_facts_read(const struct km_kernel *kernel);

#endif
