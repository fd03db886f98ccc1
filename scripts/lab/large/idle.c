// SPDX-License-Identifier: GPL-2.0-or-later
/* Adds threads that only sleep to each process that crowd.c forks, as a VMM has beside its vCPUs. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 240
#define STACK	16384

static void *sleep_on(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void start(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&thread, &attr, sleep_on, NULL))
			abort();
	}
}

__attribute__((constructor)) static void add_threads(void)
{
	pthread_atfork(NULL, NULL, start);
}
