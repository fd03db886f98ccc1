// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/stack.h"

#include <stdlib.h>
#include <string.h>

km_error *km_stack_copy(const struct km_stack *from, struct km_stack *to)
{
	*to = *from;
	to->frames = NULL;
	if (!from->count)
		return NULL;
	to->frames = malloc(from->count * sizeof(*to->frames));
	if (!to->frames) {
		to->count = 0;
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	memcpy(to->frames, from->frames, from->count * sizeof(*to->frames));
	return NULL;
}

void km_stack_deinit(struct km_stack *stack)
{
	free(stack->frames);
	stack->frames = NULL;
	stack->count = 0;
}

/* gcc's suffixes for copies of a function start with a dot. */
bool km_frame_is(const struct km_frame *frame, const char *function)
{
	size_t len;

	/* each vCPU and VM compares dozens of functions with the frames of all threads */
	if (frame->function[0] != function[0])
		return false;
	len = strlen(function);
	return !strncmp(frame->function, function, len) &&
	       (!frame->function[len] || frame->function[len] == '.');
}

const struct km_frame *km_stack_in(const struct km_stack *stack, const char *function)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (km_frame_is(&stack->frames[i], function))
			return &stack->frames[i];
	}
	return NULL;
}

/* Is it one of the scheduler's own functions? */
static bool is_scheduler(const char *function)
{
	return strstr(function, "schedule") || !strcmp(function, "__switch_to_asm");
}

const char *km_stack_switched_out_in(const struct km_stack *stack)
{
	if (!stack->count || !is_scheduler(stack->frames[0].function))
		return NULL;
	for (size_t i = 1; i < stack->count; i++) {
		const char *function = stack->frames[i].function;

		if (*function && !is_scheduler(function))
			return function;
	}
	return NULL;
}

bool km_stack_may_lack_outer(const struct km_stack *stack)
{
	return stack->pages_missing || stack->count == KM_FRAMES ||
	       !strcmp(stack->trouble, KM_STACK_STOPPED_EARLY);
}
