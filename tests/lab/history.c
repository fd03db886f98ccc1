// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * history DUMP: print the events of kvm in the ring buffers of every tracing instance, after a line
 * "= NAME EVENTS OVERRUN LOST" for each, for comparison with what tracefs printed.
 */
#include "on_dump.h"
#include "history/history.h"

#include <inttypes.h>

static void put_instance(const struct km_history *h, const struct km_instance *instance)
{
	FILE *text = km_history_open(h, instance);
	char line[1024];

	printf("= %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       instance->name[0] ? instance->name : "top", instance->events, instance->overrun,
	       instance->lost);
	while (text && fgets(line, sizeof(line), text))
		fputs(line, stdout);
	if (text)
		fclose(text);
}

static km_error *put_all(const struct km_kernel *k)
{
	struct km_history h;
	km_error *err = km_history_read(k, &h);

	for (size_t i = 0; !err && i < h.count; i++)
		put_instance(&h, &h.instances[i]);
	km_history_deinit(&h);
	return err;
}

int main(int argc, char **argv)
{
	return put_on_dump(argc, argv, put_all);
}
