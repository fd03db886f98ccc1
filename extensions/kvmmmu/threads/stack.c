// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/stack.h"

#include <string.h>

/* gcc's suffixes for copies of a function start with a dot. */
bool km_frame_is(const struct km_frame *frame, const char *function)
{
	size_t len = strcspn(frame->function, ".");

	return strlen(function) == len && !memcmp(frame->function, function, len);
}

const struct km_frame *km_stack_in(const struct km_stack *stack, const char *function)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (km_frame_is(&stack->frames[i], function))
			return &stack->frames[i];
	}
	return NULL;
}

bool km_stack_may_lack_outer(const struct km_stack *stack)
{
	return stack->pages_missing || stack->count == KM_FRAMES ||
	       !strcmp(stack->trouble, KM_STACK_STOPPED_EARLY);
}
