# SPDX-License-Identifier: GPL-2.0-or-later
# kvmmmu: see README.md. "make help" lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
V ?= 0
Q = $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@true,@echo "  $(1)")

CC ?= cc
CFLAGS ?= -O2 -g
PKGS = libdw libelf libbpf json-c liblzma libzstd zlib
WARN = -Wall -Wextra -Werror
CPPFLAGS += -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS = -std=gnu11 $(WARN) -fPIC -fvisibility=hidden $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

# crash's header, whose version the extension is built for.
CRASH_INCLUDE ?= /usr/include

CORE = $(wildcard extensions/kvmmmu/*.c)
CORE_O = $(CORE:%.c=$(BUILD)/%.o)
CLI = $(wildcard extensions/cli/*.c)
CLI_O = $(CLI:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/kvmmmu.so $(BUILD)/kvmmmu

# The generated dependencies cover headers; layout.def is included as one.
$(BUILD)/%.o: %.c
	$(call say,CC $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libkvmmmu.a: $(CORE_O)
	$(call say,AR $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# crash's defs.h has warnings of its own: it is included as a system header.
$(BUILD)/kvmmmu.so: extensions/crash/kvmmmu.c $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) -DX86_64 -isystem $(CRASH_INCLUDE) $(ALL_CFLAGS) -shared -Wl,-Bsymbolic \
		-o $@ $^ $(LIBS)

$(BUILD)/kvmmmu: $(CLI_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lkdumpfile $(LIBS)

-include $(CORE_O:.o=.d) $(CLI_O:.o=.d)
