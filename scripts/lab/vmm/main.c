// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One process for each virtual machine, so that owners and their names differ.
 */
#include <stdio.h>
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

int main(void)
{
	const struct {
		const char *name;
		void (*machine)(void);
	} machines[] = {{"alpha", run_alpha},
			{"beta", run_beta},
			{"gamma", run_gamma},
			{"delta", run_delta}};
	const int count = sizeof(machines) / sizeof(machines[0]);
	int ready[2];
	char byte;

	if (pipe(ready))
		die("pipe");
	for (int i = 0; i < count; i++)
		start(machines[i].name, machines[i].machine, ready[1]);
	close(ready[1]);
	for (int i = 0; i < count; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("a virtual machine failed");
	truth("LAB {\"kind\":\"ready\"}");
	return 0;
}
