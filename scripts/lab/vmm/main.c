// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One process per virtual machine, so that their owners have different names.
 *
 * vmm vms|big SECRET: run the usual machines or the big ones. A marker is written over SECRET, so
 * that the command line contains one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

static void start(const char *name, void (*machine)(void), int ready)
{
	if (fork())
		return;
	thread_name("vmm-%s", name);
	machine();
	if (write(ready, "", 1) != 1)
		die("ready");
	for (;;)
		pause();
}

static void plant_markers(char *secret)
{
	static void *volatile heap; /* all processes inherit it */

	heap = malloc(MARK_HEAP_SIZE);
	if (!heap || strlen(secret) != MARK_COMMAND_LINE_SIZE)
		die("markers");
	marker_plant(MARK_HEAP, heap);
	marker_plant(MARK_COMMAND_LINE, secret);
	truth_markers();
}

int main(int argc, char **argv)
{
	const struct {
		const char *group;
		const char *name;
		void (*machine)(void);
	} machines[] = {{"vms", "alpha", run_alpha},
			{"vms", "beta", run_beta},
			{"vms", "gamma", run_gamma},
			{"vms", "delta", run_delta},
			{"big", "big", run_big}};
	int ready[2], started = 0;
	char byte;

	if (argc != 3 || pipe(ready))
		die("vmm");
	plant_markers(argv[2]);
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(machines[i].group, argv[1]))
			continue;
		start(machines[i].name, machines[i].machine, ready[1]);
		started++;
	}
	close(ready[1]);
	while (started--)
		if (read(ready[0], &byte, 1) != 1)
			die("a virtual machine failed");
	truth("LAB {\"kind\":\"ready\"}");
	return 0;
}
