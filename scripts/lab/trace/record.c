// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lab's recorder, which runs in place of the VMM: it starts the trace and the load, stops both
 * after a number of fast page faults and copies the trace, as text, to memory that the kernel does
 * not use. The lab fetches it from there, which is faster than a serial line and needs no driver.
 *
 * Parameters, from the kernel's command line: trace.events=N trace.seconds=N, and trace.to=ADDRESS
 * of trace.room=BYTES. /probes has the kprobe events; the lab knows their offsets.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../vmm/vmm.h"
#include "load.h"

#define TRACING		 "/sys/kernel/tracing/"
#define CPUS		 8	     /* at most */
#define BUFFERS_KB	 (192 << 10) /* all CPUs together */
#define EAGER_PAGE_SPLIT "/sys/module/kvm/parameters/eager_page_split"
#define PRINTER		 0x378
#define ONLINE		 0x0c
#define STROBE		 0x01
#define LINGER		 6

static const char *const events[] = {
	"kvmmmu/fast_page_fault",	  "kvmmmu/kvm_tdp_mmu_spte_changed",
	"kvmmmu/kvm_mmu_set_spte",	  "kvmmmu/mark_mmio_spte",
	"kvmmmu/handle_mmio_page_fault",  "kvmmmu/kvm_mmu_zap_all_fast",
	"kvmmmu/kvm_mmu_split_huge_page", "kvm/kvm_page_fault",
};

/* All fast page faults, the spurious ones, those left to the slow path. */
enum counter { ALL, OF_SPURIOUS, OF_SLOW, COUNTERS };

static int counters[COUNTERS][CPUS];
static int cpus;

static uint64_t parameter_or(const char *name, uint64_t otherwise)
{
	static char line[4096];
	FILE *file = fopen("/proc/cmdline", "r");
	const char *found;

	if (!file || !fgets(line, sizeof(line), file))
		die("/proc/cmdline");
	fclose(file);
	found = strstr(line, name);
	return found ? strtoull(found + strlen(name), NULL, 0) : otherwise;
}

static uint64_t parameter(const char *name)
{
	uint64_t value = parameter_or(name, UINT64_MAX);

	if (value == UINT64_MAX)
		die("%s is not on the command line", name);
	return value;
}

static bool flag(const char *name)
{
	return parameter_or(name, 0);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s to %s", text, path);
	close(fd);
}

static bool have(const char *path)
{
	return !access(path, F_OK);
}

static long number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long number;

	if (!file || fscanf(file, "%ld", &number) != 1)
		die("%s", path);
	fclose(file);
	return number;
}

static void count(enum counter counter, const char *filter)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = number_in(TRACING "events/kvmmmu/fast_page_fault/id"),
	};

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);

		if (fd < 0 || (filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter)))
			die("perf event %s", filter);
		counters[counter][cpu] = fd;
	}
}

/*
 * Count the faults. This also adds a second probe to the tracepoint, so that the kernel calls both
 * through
 * __traceiter_fast_page_fault(), where the kprobe is.
 */
static void count_faults(void)
{
	char filter[64];
	int spurious = parameter("trace.spurious="), fixed = parameter("trace.fixed=");

	count(ALL, NULL);
	snprintf(filter, sizeof(filter), "ret == %d", spurious);
	count(OF_SPURIOUS, filter);
	snprintf(filter, sizeof(filter), "ret != %d && ret != %d", spurious, fixed);
	count(OF_SLOW, filter);
}

static uint64_t faults(enum counter counter)
{
	uint64_t sum = 0, number;

	for (int cpu = 0; cpu < cpus; cpu++) {
		if (read(counters[counter][cpu], &number, sizeof(number)) != sizeof(number))
			die("perf counter");
		sum += number;
	}
	return sum;
}

static void add_probes(void)
{
	char line[1024];
	FILE *file = fopen("/probes", "r");

	while (file && fgets(line, sizeof(line), file)) {
		put(TRACING "kprobe_events", line);
	}
	if (file)
		fclose(file);
	put(TRACING "events/lab/enable", "1");
}

/*
 * Two vCPUs that fault on one page at the same time cause a spurious fault only if the second one
 * left the guest before the first one fixed the page, within a few microseconds. Stack traces taken
 * there, into buffers that are not read, extend that time for the pages that all vCPUs write to.
 */
static void linger(void)
{
	char path[256], trigger[256];

	snprintf(trigger, sizeof(trigger),
		 "stacktrace if fault_address >= %#x && fault_address < %#x", HOT_BASE,
		 HOT_BASE + HOT_SIZE);
	for (int i = 0; i < LINGER; i++) {
		snprintf(path, sizeof(path), TRACING "instances/linger%d", i);
		if (mkdir(path, 0700))
			die("%s", path);
		snprintf(path, sizeof(path),
			 TRACING "instances/linger%d/events/kvm/kvm_page_fault/trigger", i);
		put(path, trigger);
	}
}

static void start_trace(void)
{
	/* Changes between non-present SPTEs are of no use, and most of what a zap reports. */
	static const char filter[] = TRACING "events/kvmmmu/kvm_tdp_mmu_spte_changed/filter";
	char path[256];

	if (have(filter))
		put(filter, "old_spte & 0x800 || new_spte & 0x800");

	put(TRACING "trace_clock", "global");
	snprintf(path, sizeof(path), "%d", BUFFERS_KB / cpus);
	put(TRACING "buffer_size_kb", path);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(path, sizeof(path), TRACING "events/%s/enable", events[i]);
		if (have(path))
			put(path, "1");
	}
	count_faults();
	add_probes();
	if (!flag("trace.age="))
		linger();
	put(TRACING "tracing_on", "1");
}

/* Return the number of events that any CPU's buffer lost: a recording must be complete. */
static unsigned long lost(void)
{
	unsigned long sum = 0, number;
	char path[128], line[128];

	for (int cpu = 0; cpu < cpus; cpu++) {
		FILE *file;

		snprintf(path, sizeof(path), TRACING "per_cpu/cpu%d/stats", cpu);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "overrun: %lu", &number) == 1 ||
			    sscanf(line, "dropped events: %lu", &number) == 1 ||
			    sscanf(line, "commit overrun: %lu", &number) == 1)
				sum += number;
		if (file)
			fclose(file);
	}
	return sum;
}

static size_t copy_to_memory(int trace, uint64_t to, size_t room)
{
	int memory = open("/dev/mem", O_RDWR);
	size_t done = 0;
	ssize_t got;
	char *map;

	if (memory < 0)
		die("/dev/mem");
	map = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, memory, to);
	if (map == MAP_FAILED)
		die("mmap of /dev/mem");
	while ((got = read(trace, map + done, room - done)) > 0)
		done += got;
	if (got < 0 || done == room)
		die("the trace does not fit into %zu bytes", room);
	return done;
}

/* Bochs writes the data of its printer port to a file, without delay. */
static size_t print(int trace)
{
	static char text[65536];
	size_t done = 0;
	ssize_t got;

	if (ioperm(PRINTER, 3, 1))
		die("ioperm");
	while ((got = read(trace, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			outb(text[i], PRINTER);
			outb(ONLINE | STROBE, PRINTER + 2);
			outb(ONLINE, PRINTER + 2);
		}
		done += got;
	}
	return done;
}

static size_t copy_trace(void)
{
	int trace = open(TRACING "trace", O_RDONLY);

	if (trace < 0)
		die("the trace");
	return flag("trace.print=")
		       ? print(trace)
		       : copy_to_memory(trace, parameter("trace.to="), parameter("trace.room="));
}

/*
 * Without A/D bits in the page tables KVM removes the rights of an SPTE to notice the next access.
 * It does so when the host's memory management ages the page, which this thread causes all the
 * time.
 */
static void *age(void *unused)
{
	static const char path[] = "/sys/kernel/debug/lru_gen";
	char line[256], order[256];
	int group, node, generation, fd;

	while (!unused) {
		FILE *file = fopen(path, "r");

		group = node = generation = 0;
		while (file && fgets(line, sizeof(line), file)) {
			sscanf(line, "memcg %d", &group);
			sscanf(line, " node %d", &node);
			sscanf(line, " %d", &generation);
		}
		if (file)
			fclose(file);
		snprintf(order, sizeof(order), "+ %d %d %d 1 1\n", group, node, generation);
		/* The order fails if the generation has changed since; the next one will work. */
		fd = open(path, O_WRONLY);
		if (fd < 0 || (write(fd, order, strlen(order)) < 0 && errno != EINVAL))
			die("aging");
		close(fd);
		usleep(20000);
	}
	return NULL;
}

static pid_t start(const char *name, unsigned int seed)
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		thread_name("load-%s", name);
		load_run(name, seed);
	}
	return pid;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* This process and the machines only exit on failure. */
static void failed(void)
{
	fprintf(stderr, "the recorder or a machine failed\n");
}

int main(void)
{
	uint64_t enough = parameter("trace.events="), each = parameter("trace.each=");
	double begin, copied, limit = parameter("trace.seconds=");
	pid_t machines[3];
	int running = 0;
	size_t size;

	atexit(failed);
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > CPUS)
		die("%d CPUs", cpus);
	if (mount("tracefs", TRACING, "tracefs", 0, NULL))
		die("tracefs");
	if (have(EAGER_PAGE_SPLIT)) /* since 5.17 */
		put(EAGER_PAGE_SPLIT, "N");
	start_trace();
	begin = now();
	if (flag("trace.age=")) {
		put("/sys/kernel/mm/lru_gen/enabled", "y");
		if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
			die("debugfs");
		thread_start(age, NULL);
	}
	machines[running++] = start("read", 1);
	usleep(300000);
	machines[running++] = start("clear", 2);
	if (cpus > 1)
		machines[running++] = start("hot", 4);
	usleep(300000);
	do {
		usleep(50000);
		if (waitpid(-1, NULL, WNOHANG) > 0)
			die("a virtual machine failed");
	} while ((faults(ALL) < enough || faults(OF_SPURIOUS) < each || faults(OF_SLOW) < each) &&
		 now() - begin < limit);
	for (int i = 0; i < running; i++)
		kill(machines[i], SIGSTOP);
	usleep(500000);
	put(TRACING "tracing_on", "0");
	copied = now();
	size = copy_trace();
	truth("LAB {\"kind\":\"trace\",\"faults\":%llu,\"bytes\":%zu,\"lost\":%lu,"
	      "\"load_seconds\":%.1f,\"copy_seconds\":%.1f}",
	      (unsigned long long)faults(ALL), size, lost(), copied - begin, now() - copied);
	truth("LAB {\"kind\":\"ready\"}");
	/* If this process ended, the stopped ones would receive SIGHUP. */
	for (;;)
		pause();
}
