# SPDX-License-Identifier: GPL-2.0-or-later
# kvmmmu: see README.md. "make help" lists the targets.

VERSION = 0.1
DATE = November 28, 2026# of the manual page

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
V ?= 0
Q = $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),true,echo "  $(1)")

CC = gcc
PKG_CONFIG ?= pkg-config
# WERROR=0: warnings do not end the build. HARDEN=: none of these flags.
WERROR ?= 1
HARDEN ?= -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	$(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-D_FORTIFY_SOURCE=2))
HARDEN_LINK ?= -Wl,-z,relro,-z,now

CFLAGS ?= -O2 -g
PKGS = libdw libelf libbpf json-c liblzma libzstd zlib
WARN = -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror)
# CPPFLAGS, CFLAGS and LDFLAGS are the user's; what the code cannot do without is in these.
ALL_CPPFLAGS = -D_GNU_SOURCE -Iextensions/kvmmmu $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null) $(OWN_CPPFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 $(WARN) -fPIC -fvisibility=hidden $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LINK) $(LDFLAGS)
# What reads the pages of a dump, beside those.
READ_PKGS = libdeflate lzo2 snappy
READ_LIBS = $(shell $(PKG_CONFIG) --libs $(READ_PKGS) 2>/dev/null)
LIBS = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
compile = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c
link = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)

CORE = $(wildcard extensions/kvmmmu/*/*.c extensions/kvmmmu/*/*/*.c)
CORE_O = $(CORE:%.c=$(BUILD)/%.o)
CLI = $(wildcard extensions/cli/*.c)
CLI_O = $(CLI:%.c=$(BUILD)/%.o)
# What reads dumps, for other programs.
READ_O = $(filter-out %/main.o $(BUILD)/extensions/cli/print%,$(CLI_O))
GDB = $(wildcard gdb/*.c)
GDB_O = $(GDB:%.c=$(BUILD)/%.o)
UNIT = $(wildcard tests/unit/test_*.c)
UNIT_BIN = $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)
SOURCES = $(wildcard extensions/kvmmmu/*/*.[ch] extensions/kvmmmu/*/*/*.[ch] extensions/*/*.[ch] tests/unit/*.[ch] tests/oracle/*.[ch] tests/fuzz/*.[ch] tests/fuzz/*/*.[ch] \
	tests/capsule/*.[ch] tests/property/*.[ch] tests/lab/*.[ch] tests/trace/*.[ch] tests/*.h gdb/*.[ch]) \
	$(wildcard scripts/lab/vmm/*.[ch] scripts/lab/scenarios/vmm/*.[ch] scripts/lab/kdump/vmm/*.[ch] scripts/lab/trace/*.[ch] \
	scripts/bench/*.[ch])

.DELETE_ON_ERROR:
# Objects of tests are kept.
.SECONDARY:

# What kvmmmu --print makes of its tables.
TEXTS = $(BUILD)/kvmmmu.8 $(BUILD)/kvmmmu.bash $(BUILD)/_kvmmmu

.PHONY: all
all: $(BUILD)/kvmmmu.so $(BUILD)/kvmmmu $(BUILD)/libkvmmmu-gdb.so $(TEXTS)

.PHONY: help
help:
	@echo "make              build/kvmmmu.so (crash extension), build/kvmmmu (program),"
	@echo "                  build/libkvmmmu-gdb.so (for gdb/kvmmmu.py), manual, completion"
	@echo "make demo         set up, build, and show a vCPU that loops, from a capsule"
	@echo "make demo-crash   the same in crash, on a dump of Linux 7.3 that the lab makes"
	@echo "make check        set up, and run all tests; with LAB=no only those that need no dump of the lab"
	@echo "make lab          the lab's dumps of Linux 7.3 and 6.1"
	@echo "make intel        dumps of an Intel host, made in Bochs, and the tests of it on them"
	@echo "make flips        2,000 flipped bits of page tables, and which of them an audit finds"
	@echo "make healthy      audit every dump in the lab's cache: healthy VMs have no anomaly"
	@echo "make planted      damage of every kind in dumps of 6.1 and 7.3, which an audit has to find"
	@echo "make trace        100,000 page faults of each recorded kernel against our rule"
	@echo "make kdumps       KDUMPS=2 real kdumps of each of eight kernels (a minute each), and what is said about"
	@echo "                  all that there are"
	@echo "make matrix       dumps of every kernel that Debian serves, or of GENS=\"6.18 7.3-rt\", against a debugger (hours)"
	@echo "make drift        what changed in the types and rules of the newest kernel of every suite, without a boot"
	@echo "make pages        the HTML report of every capsule in Chromium: three widths, light, dark, on paper"
	@echo "make fuzz         libFuzzer on every parser, FUZZ_RUNS=100000 inputs each"
	@echo "make fuzz-long    10,000,000 inputs over all parsers together; FUZZ_INPUTS is another number"
	@echo "make coverage     which lines of extensions/ the tests and the fuzzers' corpus reach, by file"
	@echo "make distros      build, tests without the lab, installation on Debian 12, 13 and sid (gcc, clang)"
	@echo "make fuzz-text    ten million inputs of traces, logs and numbers (hours)"
	@echo "make mutants      MUTANTS=600 damaged versions of each capsule: no state may change silently"
	@echo "make layouts      KVMMMU_LAYOUT_EDITS=10000 edits of kernel types: no healthy vCPU may get a finding"
	@echo "make fleet        10,000 files through scripts/fleet: killed workers, ssh, a real Slurm"
	@echo "make bench        speed, side by side with crash's own start and with drgn"
	@echo "make format       clang-format on all C files"
	@echo "make clean        remove build/ (downloads and dumps stay in the cache)"
	@echo "make install      into \$$(DESTDIR)\$$(PREFIX), /usr/local by default"
	@echo "make uninstall    remove what install put there"
	@echo "make dist         the last commit as build/kvmmmu-$(VERSION).tar.gz; scripts/package/ has recipes for packages"
	@echo "V=1 shows the commands, WERROR=0 lets warnings pass."

# Looks for all that the build needs before anything is compiled.
$(BUILD)/checked: scripts/missing scripts/packages
	@CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" PKG_CONFIG="$(PKG_CONFIG)" scripts/missing
	@mkdir -p $(@D) && touch $@

$(BUILD)/%.o: %.c | $(BUILD)/checked
	$(call say,CC $<)
	@mkdir -p $(@D)
	$(Q)$(compile) $< -o $@

$(BUILD)/extensions/cli/main.o $(BUILD)/extensions/cli/print_manual.o $(BUILD)/extensions/kvmmmu/commands/report_tool.o: \
	OWN_CPPFLAGS = -DKM_VERSION='"$(VERSION)"' -DKM_DATE='"$(strip $(DATE))"'
$(BUILD)/extensions/cli/main.o $(BUILD)/extensions/cli/print_manual.o $(BUILD)/extensions/kvmmmu/commands/report_tool.o: Makefile

# Reports name the commit: that of this tree or, in what "make dist" packed, the one that it was packed from.
COMMIT := $(shell cat scripts/package/commit 2>/dev/null || \
	{ test -e .git && git describe --always --abbrev=12 --dirty --exclude '*' 2>/dev/null; })
$(shell mkdir -p $(BUILD) && { echo '$(COMMIT)' | cmp -s - $(BUILD)/commit || echo '$(COMMIT)' >$(BUILD)/commit; })
$(BUILD)/extensions/kvmmmu/commands/report_tool.o: OWN_CPPFLAGS += -DKM_COMMIT='"$(COMMIT)"'
$(BUILD)/extensions/kvmmmu/commands/report_tool.o: $(BUILD)/commit

# Warnings in crash's own defs.h are not ours: it comes from a system folder.
$(BUILD)/extensions/crash/kvmmmu.o: OWN_CPPFLAGS = -DX86_64

$(BUILD)/libkvmmmu.a: $(CORE_O)
	$(call say,AR $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/kvmmmu.so: $(BUILD)/extensions/crash/kvmmmu.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -shared -Wl,-Bsymbolic -o $@ $^ $(LIBS)

$(BUILD)/kvmmmu: $(CLI_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -pie -o $@ $^ $(READ_LIBS) $(LIBS)

# What gdb/kvmmmu.py loads.
$(BUILD)/libkvmmmu-gdb.so: $(GDB_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -shared -Wl,-Bsymbolic -o $@ $^ $(LIBS)

$(BUILD)/kvmmmu.8: PRINT = manual
$(BUILD)/kvmmmu.bash: PRINT = bash
$(BUILD)/_kvmmmu: PRINT = zsh
$(TEXTS): $(BUILD)/kvmmmu
	$(call say,GEN $@)
	$(Q)$< --print $(PRINT) >$@

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

KDUMPS ?= 2
.PHONY: kdumps
kdumps:
	@scripts/bootstrap demo
	@$(MAKE) --no-print-directory $(BUILD)/kvmmmu
	@for gen in 5.10 6.1 6.12 6.16 6.17 6.18 7.2 7.3; do \
		scripts/lab/lab kdump --count $(KDUMPS) --seed $$(date +%s) $$gen || exit 1; done
	@scripts/kdumps table all

# Every kernel that Debian serves, or those in GENS: booted with NPT and npt=0, and every dump compared with what a
# debugger reads. What is done is not done again.
.PHONY: matrix
matrix:
	@scripts/bootstrap demo
	@$(MAKE) --no-print-directory $(BUILD)/kvmmmu $(BUILD)/leaves
	@scripts/lab/lab matrix $(GENS)

# What the newest kernel of each suite, and of experimental, lacks or has under another name.
.PHONY: drift
drift:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory $(BUILD)/kvmmmu
	@scripts/lab/lab drift $(SUITE)

# tests/intel has extracts of such dumps.
.PHONY: intel
intel:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all $(BUILD)/batch
	@dumps=$$(scripts/lab/lab intel | tail -n 1) && KVMMMU_INTEL=$$dumps \
		/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/test_intel.py tests/capsule \
		tests/lab/test_explain.py tests/lab/test_gdb.py -k '(intel or ept-) and not samples and not damaged'

# LAB=no: without downloads; what needs kernels or dumps is skipped.
LAB ?= yes
.PHONY: check
check:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all unit $(DRIVERS:%=$(BUILD)/%) $(BUILD)/hide $(BUILD)/sources $(BUILD)/one-idle $(BUILD)/mutants $(BUILD)/reads $(BUILD)/compare-faults
	@$(MAKE) --no-print-directory asan
	@$(MAKE) --no-print-directory fuzzers
	@KVMMMU_LAB=$(LAB) scripts/check

# The HTML report of every capsule in Chromium: nothing overflows or overlaps.
.PHONY: pages
pages:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all
	@KVMMMU_PAGES=all /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/lab/test_report_pages.py

.PHONY: bench
bench:
	@scripts/bootstrap bench
	@$(MAKE) --no-print-directory all $(BUILD)/range
	@scripts/bench/bench

# The same with the sanitizers, for the unit tests and for hostile input.
SAN = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
.PHONY: asan
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan HARDEN= CFLAGS="$(SAN)" LDFLAGS="$(SAN)" \
		$(BUILD)/asan/kvmmmu $(BUILD)/asan/repeat $(BUILD)/asan/stacks $(BUILD)/asan/hostile unit

.PHONY: unit
unit: $(UNIT_BIN)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $^ -lcmocka $(LIBS)

# The tests' drivers: one runs commands over and over, one answers many
# in one session, one loses pages, one edits a dump between two looks, the others print what is found of stacks, tasks and faults, of gfns,
# and of ftrace's ring buffers.
DRIVERS = repeat batch stacks gfns history lost watch printk leaves hidden
$(DRIVERS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/tests/lab/%.o $(READ_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(READ_LIBS) $(LIBS)

# Lets reads of the file fail: file_read.c calls this driver's pread().
$(BUILD)/reads: $(BUILD)/tests/lab/reads.o $(READ_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -Wl,--wrap=pread -o $@ $^ $(READ_LIBS) $(LIBS)

# Damages what the analysis reads, and compares the answers.
$(BUILD)/mutants: $(BUILD)/tests/fuzz/mutants/mutants.o $(READ_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(READ_LIBS) $(LIBS)

# The program with another limit of idle threads, which a test reaches.
$(BUILD)/tasks_read-one-idle.o: extensions/kvmmmu/threads/tasks_read.c
	$(call say,CC $@)
	$(Q)$(compile) -DMAX_IDLE=1 -o $@ $<

$(BUILD)/one-idle: $(CLI_O) $(BUILD)/tasks_read-one-idle.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -pie -o $@ $^ $(READ_LIBS) $(LIBS)

# Walks a range and reads its pages, for make bench.
$(BUILD)/range: $(BUILD)/scripts/bench/range.o $(READ_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(READ_LIBS) $(LIBS)

# What kernels did with faults, against our rule.
$(BUILD)/compare-faults: $(BUILD)/tests/trace/compare.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(LIBS)

.PHONY: trace
trace:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all $(BUILD)/compare-faults
	@KVMMMU_TRACE=all /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/trace

# Takes evidence away from capsules, piece by piece, and looks what becomes of stuck vCPUs.
$(BUILD)/hide: $(BUILD)/tests/property/hide.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(LIBS)

# Switches off the sources of the last fault, in all combinations.
$(BUILD)/sources: $(BUILD)/tests/property/sources.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(LIBS)

# Edits the types in capsules of healthy vCPUs: a member that is not where it was must not be misread.
.PHONY: layouts
layouts:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all $(BUILD)/batch
	@KVMMMU_LAYOUT_EDITS=$${KVMMMU_LAYOUT_EDITS:-10000} /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/test_layout.py

# Flips bits of page tables, and looks which an audit finds.
.PHONY: flips
flips:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all
	@KVMMMU_FLIPS=$${KVMMMU_FLIPS:-2000} /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		tests/lab/test_audit_dumps.py -k flips

# Audits every dump in the lab's cache: VMs into which nothing was injected have no anomaly.
.PHONY: healthy
healthy:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all
	@KVMMMU_HEALTHY=all /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/lab/test_audit_dumps.py -k cache

# Plants damage of every kind in copies of dumps of 6.1 and 7.3, and in running hosts, and looks whether an audit finds it.
.PHONY: planted
planted:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory all
	@KVMMMU_PLANTED=all /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/lab/test_audit_planted.py tests/lab/test_audit_live.py

# scripts/fleet over many files: workers are killed, machines are down; over ssh, and on a real slurmctld and slurmd.
.PHONY: fleet
fleet:
	@scripts/bootstrap fleet
	@$(MAKE) --no-print-directory all
	@KVMMMU_FLEET_FILES=$${KVMMMU_FLEET_FILES:-10000} /usr/bin/python3 -m pytest -q -p no:cacheprovider --durations=0 \
		tests/fleet/test_fleet.py tests/fleet/cluster.py

# Damages capsules in many ways and asks about what is left.
$(BUILD)/hostile: $(BUILD)/tests/capsule/hostile.o $(BUILD)/tests/fuzz/capsule.o $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -o $@ $^ $(LIBS)

# libFuzzer on every parser of ours, FUZZ_RUNS inputs each, from the corpus and the samples.
FUZZ_RUNS ?= 100000
FUZZ_SAN = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
.PHONY: fuzzers
fuzzers:
	@$(MAKE) --no-print-directory -j $$(nproc) BUILD=$(BUILD)/fuzz CC=clang HARDEN= CFLAGS="$(FUZZ_SAN)" \
		$(FUZZERS:%=$(BUILD)/fuzz/fuzz-%)

.PHONY: fuzz
fuzz:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory fuzzers
	@for f in $(FUZZERS); do \
		scripts/corpus $$f $(BUILD)/fuzz/corpus/$$f && \
		echo "fuzz: $$f" && $(BUILD)/fuzz/fuzz-$$f -runs=$(FUZZ_RUNS) -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
			$$(ls tests/fuzz/$$f.dict 2>/dev/null | sed s/^/-dict=/) \
			-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$f || exit 1; \
	done

# Ten million inputs of text, with the dictionaries; new inputs are kept in build/fuzz/corpus for the next run.
.PHONY: fuzz-text
fuzz-text:
	@$(MAKE) --no-print-directory fuzz FUZZERS="trace numbers" FUZZ_RUNS=10000000

$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(READ_O) $(BUILD)/libkvmmmu.a
	$(call say,LD $@)
	$(Q)$(link) -fsanitize=fuzzer -o $@ $^ $(READ_LIBS) $(LIBS)

# Ten million inputs over all targets together, each for its share of the time that they take.
.PHONY: fuzz-long
fuzz-long:
	@scripts/bootstrap check
	@$(MAKE) --no-print-directory fuzzers
	@scripts/fuzz-long

# Which lines of extensions/ the tests and the corpus reach.
.PHONY: coverage
coverage:
	@scripts/bootstrap check
	@scripts/coverage $(COVERAGE)

# The build, the tests without the lab, and installation on three releases of Debian.
SUITES ?= bookworm trixie sid
.PHONY: distros
distros:
	@for suite in $(SUITES); do scripts/lab/minimal --suite $$suite scripts/try-install || exit 1; done

# Damages one member at a time in every capsule of the tree, MUTANTS of each.
MUTANTS ?= 600
.PHONY: mutants
mutants:
	@$(MAKE) --no-print-directory $(BUILD)/mutants
	@$(BUILD)/mutants $(MUTANTS) $$(find samples tests/capsule -name '*.kvmmmu' -not -path '*/hostile/*' | sort)

.PHONY: format
format:
	$(Q)clang-format -i $(SOURCES)

.PHONY: format-check
format-check:
	$(Q)clang-format --dry-run -Werror $(SOURCES)

bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
extdir ?= $(libdir)/crash/extensions
bashdir ?= $(datadir)/bash-completion/completions
zshdir ?= $(datadir)/zsh/site-functions
# gdb loads at its start what is here, if it was configured with this prefix.
gdbdir ?= $(datadir)/gdb/python/gdb/command
schemadir = $(datadir)/kvmmmu/schema
docdir ?= $(datadir)/doc/kvmmmu
EXAMPLES = $(wildcard scripts/package/examples/*)
SCHEMAS = $(wildcard samples/schema/*.json)
# kvmmmu-json(5)
JSON_MANUAL = $(wildcard extensions/cli/kvmmmu-json.5)
INSTALLED = $(bindir)/kvmmmu $(extdir)/kvmmmu.so $(mandir)/man8/kvmmmu.8 \
	$(JSON_MANUAL:extensions/cli/%=$(mandir)/man5/%) \
	$(libdir)/kvmmmu/libkvmmmu-gdb.so $(libdir)/kvmmmu/kvmmmu_gdb.py $(gdbdir)/kvmmmu.py \
	$(bashdir)/kvmmmu $(zshdir)/_kvmmmu $(EXAMPLES:scripts/package/examples/%=$(docdir)/examples/%) $(SCHEMAS:samples/schema/%=$(schemadir)/%)
.PHONY: install
install: all
	install -D -m 755 $(BUILD)/kvmmmu $(DESTDIR)$(bindir)/kvmmmu
	install -D -m 755 $(BUILD)/kvmmmu.so $(DESTDIR)$(extdir)/kvmmmu.so
	install -D -m 644 $(BUILD)/kvmmmu.8 $(DESTDIR)$(mandir)/man8/kvmmmu.8
	install -D -m 644 $(BUILD)/kvmmmu.bash $(DESTDIR)$(bashdir)/kvmmmu
	install -D -m 644 $(BUILD)/_kvmmmu $(DESTDIR)$(zshdir)/_kvmmmu
	install -D -m 644 $(BUILD)/libkvmmmu-gdb.so $(DESTDIR)$(libdir)/kvmmmu/libkvmmmu-gdb.so
	install -D -m 644 gdb/kvmmmu_gdb.py $(DESTDIR)$(libdir)/kvmmmu/kvmmmu_gdb.py
	install -D -m 644 gdb/kvmmmu.py $(DESTDIR)$(gdbdir)/kvmmmu.py
	sed -i "s|^FOLDER = .*|FOLDER = \"$$(realpath -m --relative-to=$(gdbdir) $(libdir)/kvmmmu)\"|" \
		$(DESTDIR)$(gdbdir)/kvmmmu.py
	$(if $(SCHEMAS),install -D -m 644 -t $(DESTDIR)$(schemadir) $(SCHEMAS))
	$(if $(JSON_MANUAL),install -D -m 644 -t $(DESTDIR)$(mandir)/man5 $(JSON_MANUAL))
	install -D -m 644 -t $(DESTDIR)$(docdir)/examples $(EXAMPLES)
	@echo "crash finds the extension by its path, or with CRASH_EXTENSIONS=$(extdir)"
	@echo "gdb of the same prefix finds its command itself, any other with"
	@echo "    source $(gdbdir)/kvmmmu.py"

# The same commit gives the same bytes.
.PHONY: dist
dist:
	@mkdir -p $(BUILD)
	@git archive --format=tar --prefix=kvmmmu-$(VERSION)/ \
		--add-virtual-file=kvmmmu-$(VERSION)/scripts/package/commit:$$(git rev-parse --short=12 HEAD) HEAD | \
		gzip -n >$(BUILD)/kvmmmu-$(VERSION).tar.gz
	@echo "$(BUILD)/kvmmmu-$(VERSION).tar.gz"

# Folders that others use, too, are left alone; ours go if they are empty.
.PHONY: uninstall
uninstall:
	rm -f $(INSTALLED:%=$(DESTDIR)%)
	rm -rf $(DESTDIR)$(libdir)/kvmmmu/__pycache__
	@for d in $(libdir)/kvmmmu $(docdir)/examples $(docdir) $(schemadir) $(datadir)/kvmmmu $(extdir) $(libdir)/crash; do \
		if [ -d "$(DESTDIR)$$d" ]; then rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$d"; fi; \
	done

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(CORE_O:.o=.d) $(CLI_O:.o=.d) $(GDB_O:.o=.d) $(BUILD)/extensions/crash/kvmmmu.d \
	$(BUILD)/tasks_read-one-idle.d \
	$(patsubst %.c,$(BUILD)/%.d,$(wildcard tests/*/*.c tests/*/*/*.c scripts/bench/*.c))
