# SPDX-License-Identifier: GPL-2.0-or-later
# kvmmmu: see README.md. "make help" lists the targets.

VERSION = 0.1
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
V ?= 0
Q = $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),true,echo "  $(1)")

CC = gcc
CFLAGS ?= -O2 -g
PKGS = libdw libelf libbpf json-c liblzma libzstd zlib
WARN = -Wall -Wextra -Werror
CPPFLAGS += -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS = -std=gnu11 $(WARN) -fPIC -fvisibility=hidden $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

CORE = $(wildcard extensions/kvmmmu/*.c)
CORE_O = $(CORE:%.c=$(BUILD)/%.o)
CLI = $(wildcard extensions/cli/*.c)
CLI_O = $(CLI:%.c=$(BUILD)/%.o)
GDB = $(wildcard gdb/*.c)
GDB_O = $(GDB:%.c=$(BUILD)/%.o)
UNIT = $(wildcard tests/unit/test_*.c)
UNIT_BIN = $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)
SOURCES = $(wildcard extensions/*/*.[ch] tests/unit/*.[ch] tests/oracle/*.[ch] tests/fuzz/*.[ch] \
	tests/capsule/*.[ch] tests/lab/*.[ch] tests/trace/*.[ch] tests/*.h gdb/*.[ch]) \
	$(wildcard scripts/lab/vmm/*.[ch] scripts/lab/scenarios/vmm/*.[ch] scripts/lab/trace/*.[ch] \
	scripts/bench/*.[ch])

.DELETE_ON_ERROR:

.PHONY: all
all: $(BUILD)/kvmmmu.so $(BUILD)/kvmmmu $(BUILD)/libkvmmmu-gdb.so

.PHONY: help
help:
	@echo "make              build/kvmmmu.so (crash extension), build/kvmmmu (program) and"
	@echo "                  build/libkvmmmu-gdb.so (for gdb/kvmmmu.py)"
	@echo "make demo         set up, build, and show a vCPU that loops, from a capsule"
	@echo "make demo-crash   the same in crash, on a dump of Linux 7.3 that the lab makes"
	@echo "make check        set up, and run all tests"
	@echo "make lab          the lab's dumps of Linux 7.3 and 6.1"
	@echo "make trace        100,000 page faults of each of four kernels against our rule"
	@echo "make fuzz         libFuzzer on every parser, FUZZ_RUNS=100000 inputs each"
	@echo "make bench        speed, side by side with crash's own start and with drgn"
	@echo "make format       clang-format on all C files"
	@echo "make clean        remove build/ (downloads and dumps stay in the cache)"
	@echo "make install      into \$$(DESTDIR)\$$(PREFIX), /usr/local by default"
	@echo "make uninstall    remove what install put there"
	@echo "V=1 shows the commands."

$(BUILD)/%.o: %.c
	$(call say,CC $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/extensions/cli/main.o: CPPFLAGS += -DKM_VERSION='"$(VERSION)"'
$(BUILD)/extensions/cli/main.o: Makefile

$(BUILD)/libkvmmmu.a: $(CORE_O)
	$(call say,AR $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Warnings in crash's own defs.h are not ours: it comes from a system folder.
$(BUILD)/kvmmmu.so: extensions/crash/kvmmmu.c $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) -DX86_64 $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic -o $@ $^ $(LIBS)

$(BUILD)/kvmmmu: $(CLI_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lkdumpfile $(LIBS)

# What gdb/kvmmmu.py loads.
$(BUILD)/libkvmmmu-gdb.so: $(GDB_O) $(BUILD)/extensions/cli/help.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic -o $@ $^ $(LIBS)

.PHONY: demo
demo:
	@scripts/bootstrap build
	@$(MAKE) --no-print-directory -j $$(nproc) $(BUILD)/kvmmmu
	@scripts/demo

.PHONY: demo-crash
demo-crash:
	@scripts/bootstrap demo
	@$(MAKE) --no-print-directory all
	@scripts/demo crash

.PHONY: lab
lab:
	@scripts/bootstrap demo
	@scripts/lab/lab make 7.3
	@scripts/lab/lab make 6.1

.PHONY: check
check:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all unit $(DRIVERS:%=$(BUILD)/%) $(BUILD)/compare-faults
	@$(MAKE) --no-print-directory asan
	@scripts/check

.PHONY: bench
bench:
	@scripts/bootstrap bench
	@$(MAKE) --no-print-directory all $(BUILD)/range
	@scripts/bench/bench

# The same with the sanitizers, for the unit tests and for hostile input.
SAN = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
.PHONY: asan
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="$(SAN)" LDFLAGS="$(SAN)" \
		$(BUILD)/asan/kvmmmu $(BUILD)/asan/repeat $(BUILD)/asan/stacks $(BUILD)/asan/hostile unit

.PHONY: unit
unit: $(UNIT_BIN)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Iextensions/kvmmmu $(ALL_CFLAGS) -fvisibility=default $(LDFLAGS) -o $@ \
		$^ -lcmocka $(LIBS)

# The tests' drivers: one runs commands over and over, one answers many
# in one session, the others print what is found of stacks, tasks and faults, and of gfns.
DRIVERS = repeat batch stacks gfns
$(DRIVERS:%=$(BUILD)/%): $(BUILD)/%: tests/lab/%.c $(filter-out %/main.o,$(CLI_O)) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lkdumpfile $(LIBS)

# Walks a range and reads its pages, for make bench.
$(BUILD)/range: scripts/bench/range.c $(filter-out %/main.o,$(CLI_O)) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lkdumpfile $(LIBS)

# What kernels did with faults, against our rule.
$(BUILD)/compare-faults: tests/trace/compare.c $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) -Iextensions/kvmmmu $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: trace
trace:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all $(BUILD)/compare-faults
	@KVMMMU_TRACE=all /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/trace

# Damages capsules in many ways and asks of what is left.
$(BUILD)/hostile: tests/capsule/hostile.c tests/fuzz/capsule.c $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) -Iextensions/kvmmmu $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# libFuzzer on every parser of ours, FUZZ_RUNS inputs each, from the corpus and the samples.
FUZZ_RUNS ?= 100000
FUZZ_SAN = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
.PHONY: fuzz
fuzz:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory -j $$(nproc) BUILD=$(BUILD)/fuzz CC=clang CFLAGS="$(FUZZ_SAN)" \
		$(FUZZERS:%=$(BUILD)/fuzz/fuzz-%)
	@for f in $(FUZZERS); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$f && \
		if [ -d tests/fuzz/corpus/$$f ]; then cp tests/fuzz/corpus/$$f/* $(BUILD)/fuzz/corpus/$$f/; fi && \
		if [ $$f = capsule ]; then cp samples/*.kvmmmu $(BUILD)/fuzz/corpus/$$f/; fi && \
		echo "fuzz: $$f" && LSAN_OPTIONS=suppressions=tests/lsan.supp \
		$(BUILD)/fuzz/fuzz-$$f -runs=$(FUZZ_RUNS) -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$f || exit 1; \
	done

$(BUILD)/fuzz-%: tests/fuzz/%.c $(filter-out %/main.o,$(CLI_O)) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(CC) $(CPPFLAGS) -Iextensions/kvmmmu $(ALL_CFLAGS) -fvisibility=default -fsanitize=fuzzer -o $@ $^ \
		-lkdumpfile $(LIBS)

.PHONY: format
format:
	$(Q)clang-format -i $(SOURCES)

.PHONY: format-check
format-check:
	$(Q)clang-format --dry-run -Werror $(SOURCES)

BINDIR = $(DESTDIR)$(PREFIX)/bin
EXTDIR = $(DESTDIR)$(PREFIX)/lib/crash/extensions
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man8
LIBDIR = $(DESTDIR)$(PREFIX)/lib/kvmmmu
# gdb loads at its start what is here, if it was configured with this prefix.
GDBDIR = $(DESTDIR)$(PREFIX)/share/gdb/python/gdb/command
.PHONY: install
install: all
	install -D -m 755 $(BUILD)/kvmmmu $(BINDIR)/kvmmmu
	install -D -m 755 $(BUILD)/kvmmmu.so $(EXTDIR)/kvmmmu.so
	install -D -m 644 extensions/cli/kvmmmu.8 $(MANDIR)/kvmmmu.8
	install -D -m 644 $(BUILD)/libkvmmmu-gdb.so $(LIBDIR)/libkvmmmu-gdb.so
	install -D -m 644 gdb/kvmmmu_gdb.py $(LIBDIR)/kvmmmu_gdb.py
	install -D -m 644 gdb/kvmmmu.py $(GDBDIR)/kvmmmu.py
	@echo "crash finds the extension by its path, or with CRASH_EXTENSIONS=$(PREFIX)/lib/crash/extensions"
	@echo "gdb of the same prefix finds its command itself, any other by"
	@echo "    source $(PREFIX)/share/gdb/python/gdb/command/kvmmmu.py"

.PHONY: uninstall
uninstall:
	rm -f $(BINDIR)/kvmmmu $(EXTDIR)/kvmmmu.so $(MANDIR)/kvmmmu.8 \
		$(LIBDIR)/libkvmmmu-gdb.so $(LIBDIR)/kvmmmu_gdb.py $(GDBDIR)/kvmmmu.py

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(CORE_O:.o=.d) $(CLI_O:.o=.d) $(GDB_O:.o=.d)
