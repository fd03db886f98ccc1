// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads commands from the third serial port, one per line. Answers go to the second, like all
 * reports:
 *
 * - run PLOT NAME TWIN SEED: start a machine in a process of its own; answers "stage" when it is
 * set up
 * - go: let the machine begin; answers "gone-on"
 * - end: kill it; answers "ended"
 *
 * A machine that ends on its own answers "died".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "stage.h"

static void play(const struct plot *plot, const char *name, bool twin, uint64_t seed, int orders)
{
	static struct stage stage;
	char byte;

	thread_name("vmm-%s", name);
	stage.name = name;
	stage.twin = twin;
	stage.keeper = -1;
	stage.pinned = -1;
	parameter("nx_huge_pages", "off");
	parameter("eager_page_split", "Y");
	dice_seed(seed);
	plot->set_up(&stage);
	stage_tell(&stage);
	if (read(orders, &byte, 1) != 1)
		exit(1);
	if (plot->go)
		plot->go(&stage);
	stage_go(&stage);
	truth("LAB {\"kind\":\"gone-on\",\"vm\":\"%s\"}", name);
	for (;;)
		pause();
}

static const struct plot *find(const struct plot *plot, const char *name)
{
	while (plot && plot->name && strcmp(plot->name, name))
		plot++;
	return plot && plot->name ? plot : NULL;
}

static pid_t start(const char *plot_name, const char *name, bool twin, uint64_t seed, int *orders)
{
	const struct plot *plot = find(plots, plot_name) ?: find(more_plots, plot_name);
	int ends[2];
	pid_t pid;

	if (!plot || pipe(ends)) {
		truth("LAB {\"kind\":\"died\",\"why\":\"no plot %s\"}", plot_name);
		return 0;
	}
	pid = fork();
	if (!pid) {
		close(ends[1]);
		play(plot, name, twin, seed, ends[0]);
	}
	close(ends[0]);
	*orders = ends[1];
	return pid;
}

int main(void)
{
	int port = open("/dev/ttyS2", O_RDWR | O_NOCTTY), orders = -1, status;
	char line[256], plot[64], name[64];
	unsigned long long seed;
	struct termios raw;
	FILE *input;
	pid_t pid = 0;
	int twin;

	if (port < 0 || tcgetattr(port, &raw))
		die("/dev/ttyS2");
	raw.c_lflag &= ~(ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(IXON | ICRNL);
	raw.c_oflag &= ~OPOST;
	tcsetattr(port, TCSANOW, &raw);
	input = fdopen(port, "r");
	truth("LAB {\"kind\":\"ready\"}");
	for (;;) {
		struct pollfd wait = {.fd = port, .events = POLLIN};

		if (pid && waitpid(pid, &status, WNOHANG) == pid) {
			truth("LAB {\"kind\":\"died\",\"why\":\"status %d\"}", status);
			pid = 0;
		}
		if (poll(&wait, 1, 100) <= 0 || !fgets(line, sizeof(line), input))
			continue;
		if (sscanf(line, "run %63s %63s %d %llu", plot, name, &twin, &seed) == 4) {
			pid = start(plot, strdup(name), twin, seed, &orders);
		} else if (!strncmp(line, "go", 2)) {
			if (write(orders, "g", 1) != 1)
				die("go");
		} else if (!strncmp(line, "end", 3)) {
			if (pid) {
				kill(pid, SIGKILL);
				waitpid(pid, &status, 0);
			}
			pid = 0;
			close(orders);
			truth("LAB {\"kind\":\"ended\"}");
		}
	}
}
