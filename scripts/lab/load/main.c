// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The load under which dumps are taken: machines whose dirty logs are read and whose memslots come
 * and go (../trace/load.c), one whose memory the host manages (mm.c), and nested guests (nests.c).
 * Each is a process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../trace/load.h"
#include "machines.h"
#include "vmm.h"

#define WARM_UP 4 /* seconds */

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return; /* this kernel does not have it */
	fputs(text, file);
	fclose(file);
}

/* The host's memory management, as busy as it gets. */
static void stir_host(void)
{
	put("/sys/kernel/mm/ksm/pages_to_scan", "500");
	put("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	put("/sys/kernel/mm/ksm/run", "1");
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", "4096");
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "50");
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "50");
	put("/proc/sys/kernel/numa_balancing", "1");
}

static bool add_swap(void)
{
	static const char commands[] =
		"for m in nvme-keyring nvme-auth nvme-common nvme-core nvme; do"
		" [ ! -f /modules/$m.ko ] || insmod /modules/$m.ko; done;"
		" for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/nvme0n1 ] || sleep 1; done;"
		" mkswap /dev/nvme0n1 >/dev/null && swapon /dev/nvme0n1";

	return !system(commands);
}

/* A parameter of kvm-amd or kvm-intel. */
static bool is_on(const char *path)
{
	FILE *file = fopen(path, "r");
	int first = file ? fgetc(file) : 'N';

	if (file)
		fclose(file);
	return first == 'Y' || first == '1';
}

static void start_load(const char *name, unsigned int seed)
{
	if (fork())
		return;
	setpriority(PRIO_PROCESS, 0, 0);
	thread_name("load-%s", name);
	load_run(name, seed);
}

static void start(const char *name, void (*machine)(unsigned int seed, bool shadow),
		  unsigned int seed, bool shadow)
{
	if (fork())
		return;
	setpriority(PRIO_PROCESS, 0, 0);
	thread_name("load-%s", name);
	machine(seed, shadow);
	for (;;)
		pause();
}

/* This process and the machines only exit on failure. */
static void failed(void)
{
	fprintf(stderr, "a machine failed\n");
}

/* With an argument "noswap", there is no disk. */
int main(int argc, char **argv)
{
	bool npt = is_on("/sys/module/kvm_amd/parameters/npt");
	bool shadow = !npt && !is_on("/sys/module/kvm_intel/parameters/ept");
	bool swap = argc < 2 || strcmp(argv[1], "noswap");

	setpriority(PRIO_PROCESS, 0, -10); /* the machines use all CPUs */
	atexit(failed);
	swap = swap && add_swap();
	stir_host();
	start_load("read", 1);
	start_load("clear", 2);
	start("mm", run_mm, 3, shadow);
	if (npt) {
		start("nested", run_nested, 4, shadow);
		start("unmaps", run_nested_unmaps, 5, shadow);
	}
	sleep(WARM_UP);
	truth("LAB {\"kind\":\"host\",\"swap\":%s,\"npt\":%s}", swap ? "true" : "false",
	      npt ? "true" : "false");
	truth("LAB {\"kind\":\"ready\"}");
	for (unsigned int n = 0;; n++) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			die("a virtual machine failed");
		put("/proc/sys/vm/compact_memory", "1");
		usleep(200000);
	}
}
