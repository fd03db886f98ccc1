// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/counters.h"

#include <inttypes.h>
#include <stdio.h>

/* Fewer faults than these are not evidence: booting takes more. */
#define FEW_FAULTS 100
/* A loop causes this many unresolved faults in a small part of a second. */
#define HIDES_A_LOOP 1000

/* The fewest failures of the emulator that are not incidental. */
#define MANY_FAILURES 8

bool km_emulator_fails(const struct km_case *c)
{
	struct km_val all = c->insn_emulation, failed = c->insn_emulation_fail;

	return km_is_known(all) && km_is_known(failed) && failed.v >= MANY_FAILURES &&
	       failed.v >= all.v / 2;
}

static bool are_known(const struct km_case *c)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;

	if (!km_is_known(s->pf_taken) || !km_is_known(s->pf_fixed) ||
	    !km_is_known(s->pf_spurious) || !km_is_known(s->pf_emulate))
		return false;
	/* without it, emulated faults may be resolved or not */
	return c->insn_emulation_fail.known != KM_UNREADABLE ||
	       s->pf_emulate.v < s->pf_taken.v / 2 || s->pf_taken.v < FEW_FAULTS;
}

/* What the emulator did with the faults that were handed to it. */
static uint64_t emulated(const struct km_case *c)
{
	uint64_t failed = c->insn_emulation_fail.v, all = c->vcpu->stats.pf_emulate.v;

	return failed < all ? all - failed : 0;
}

static enum km_fault_balance weigh(const struct km_case *c, const struct km_fault_counts *n)
{
	if (km_emulator_fails(c) && c->insn_emulation_fail.v >= FEW_FAULTS)
		return KM_BALANCE_FAILED;
	if (n->taken < FEW_FAULTS)
		return KM_BALANCE_CLEAN;
	if (n->resolved < n->taken / 2)
		return n->spurious > n->taken / 2 ? KM_BALANCE_SPURIOUS : KM_BALANCE_RETRIED;
	return n->taken < n->resolved + HIDES_A_LOOP ? KM_BALANCE_CLEAN : KM_BALANCE_OPEN;
}

struct km_fault_counts km_case_counts(const struct km_case *c)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;
	struct km_fault_counts n = {.balance = KM_BALANCE_UNKNOWN};

	if (!are_known(c))
		return n;
	n.taken = s->pf_taken.v;
	n.resolved = s->pf_fixed.v + emulated(c) + s->pf_guest.v;
	n.spurious = s->pf_spurious.v;
	n.balance = weigh(c, &n);
	return n;
}

/* Is @part less than a tenth of @all, and is the rest large enough for a loop? */
static bool is_small_part(uint64_t part, uint64_t all)
{
	return part < all / 10 && all - part >= HIDES_A_LOOP;
}

bool km_nearly_all_faults(const struct km_case *c, enum km_fault_balance how)
{
	uint64_t all = c->insn_emulation.v, failed = c->insn_emulation_fail.v;
	struct km_fault_counts n = km_case_counts(c);

	if (n.balance != how)
		return false;
	switch (how) {
	case KM_BALANCE_RETRIED:
		return is_small_part(n.resolved + n.spurious, n.taken);
	case KM_BALANCE_SPURIOUS:
		return n.spurious <= n.taken && is_small_part(n.taken - n.spurious, n.taken);
	case KM_BALANCE_FAILED:
		return failed <= all && is_small_part(all - failed, all);
	case KM_BALANCE_UNKNOWN:
	case KM_BALANCE_CLEAN:
	case KM_BALANCE_OPEN:
		break;
	}
	return false;
}

bool km_exits_are_unexplained(const struct km_vcpu_stats *s)
{
	uint64_t explained = s->pf_taken.v + s->halt_exits.v + s->mmio_exits.v;

	return km_is_known(s->exits) && km_is_known(s->pf_taken) && km_is_known(s->halt_exits) &&
	       km_is_known(s->mmio_exits) && s->exits.v >= HIDES_A_LOOP &&
	       explained < s->exits.v / 2;
}

struct km_val km_uncounted_exits(const struct km_case *c)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;
	const struct km_val counted[] = {s->pf_fixed,	s->pf_guest, s->mmio_exits,
					 s->halt_exits, c->io_exits, c->irq_exits};
	struct km_val left = s->exits;

	if (km_faults_are_counted(s->pf_taken))
		return (struct km_val){.known = KM_ABSENT};
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		if (!km_is_known(left) || !km_is_known(counted[i]) || counted[i].v > left.v)
			return (struct km_val){.known = KM_UNREADABLE};
		left.v -= counted[i].v;
	}
	return left;
}

uint64_t km_many_uncounted_exits(const struct km_case *c)
{
	struct km_val left = km_uncounted_exits(c);
	uint64_t all = c->vcpu->stats.exits.v;

	return km_is_known(left) && all >= HIDES_A_LOOP && all - left.v < all / 2 ? left.v : 0;
}

bool km_most_are_lost(enum km_fault_balance balance)
{
	switch (balance) {
	case KM_BALANCE_RETRIED:
	case KM_BALANCE_SPURIOUS:
	case KM_BALANCE_FAILED:
		return true;
	case KM_BALANCE_UNKNOWN:
	case KM_BALANCE_CLEAN:
	case KM_BALANCE_OPEN:
		break;
	}
	return false;
}

char *km_fault_counts_spell(const struct km_fault_counts *n, char *buf, size_t size)
{
	uint64_t counted = n->resolved + n->spurious;
	int len;

	buf[0] = '\0';
	if (n->balance == KM_BALANCE_UNKNOWN)
		return buf;
	len = snprintf(buf, size, "%" PRIu64 " faults: %" PRIu64 " resolved, %" PRIu64 " spurious",
		       n->taken, n->resolved, n->spurious);
	if (counted < n->taken && (size_t)len < size)
		snprintf(buf + len, size - (size_t)len, ", %" PRIu64 " retried or failed",
			 n->taken - counted);
	return buf;
}
