// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/printk_log.h"

#include <inttypes.h>
#include <string.h>

#define MAX_COUNT_BITS 24      /* of descriptors */
#define MAX_SIZE_BITS  31      /* of text, in bytes */
#define MAX_GAP	       0x10000 /* descriptors without a record: nothing is there */

/* The two highest bits of prb_desc.state_var: enum desc_state. */
#define STATE_SHIFT	62
#define STATE_COMMITTED 1
#define STATE_FINALIZED 2
#define ID_MASK		(~0ULL >> 2)

struct ring {
	const struct km_kernel *kernel;
	uint64_t count, size; /* descriptors; bytes of text */
	uint64_t descs, infos, text;
	uint64_t head, tail; /* IDs of the newest and the oldest descriptor */
	uint32_t desc_size, info_size;
};

/* A record and where it is. */
struct record {
	uint64_t id, desc, info;
	uint64_t state, begin, next; /* of its descriptor */
	uint64_t seq, ts_nsec, len;
	uint64_t text; /* address; 0: it has none */
};

enum found { FOUND, OTHER, LOST, DAMAGED };

/* --- the head --- */

static bool ring_member(const struct ring *ring, uint64_t prb, enum km_member_id id,
			uint64_t *value)
{
	struct km_val val = km_kget(ring->kernel, prb, id);

	*value = val.v;
	return km_is_known(val);
}

static km_error *read_ring(struct ring *ring)
{
	struct km_layout *layout = ring->kernel->layout;
	struct km_val prb = km_kernel_variable(ring->kernel, "prb", 8);
	uint64_t count_bits, size_bits;

	ring->desc_size = km_layout_sizeof(layout, KM_T_prb_desc);
	ring->info_size = km_layout_sizeof(layout, KM_T_printk_info);
	if (prb.known == KM_ABSENT || !ring->desc_size || !ring->info_size)
		return km_errorf(KM_EABSENT,
				 km_target_holds_ranges(km_memory_target(ring->kernel->mem))
					 ? "this capsule does not contain the kernel log"
					 : "the log buffer of this kernel is not known");
	if (!km_is_known(prb) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_count_bits, &count_bits) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_descs, &ring->descs) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_infos, &ring->infos) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_head_id, &ring->head) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_tail_id, &ring->tail) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_size_bits, &size_bits) ||
	    !ring_member(ring, prb.v, KM_M_printk_ringbuffer_data, &ring->text))
		return km_errorf(km_target_holds_ranges(km_memory_target(ring->kernel->mem))
					 ? KM_EABSENT
					 : KM_EREAD,
				 "the log buffer of the kernel is not readable");
	if (count_bits > MAX_COUNT_BITS || size_bits > MAX_SIZE_BITS)
		return km_errorf(KM_EDATA,
				 "the log buffer is malformed: 2^%" PRIu64 " records, 2^%" PRIu64
				 " bytes",
				 count_bits, size_bits);
	ring->count = 1ULL << count_bits;
	ring->size = 1ULL << size_bits;
	if (((ring->head - ring->tail) & ID_MASK) >= ring->count)
		return km_errorf(KM_EDATA,
				 "the log buffer is malformed: oldest record 0x%" PRIx64
				 ", newest 0x%" PRIx64 ", room for %" PRIu64,
				 ring->tail, ring->head, ring->count);
	return NULL;
}

/* --- one record --- */

/* Read a member into *@value; recorded if @labelled. */
static km_error *read_member(const struct ring *ring, uint64_t addr, enum km_member_id id,
			     bool labelled, uint64_t *value)
{
	const struct km_member *m = km_layout_member(ring->kernel->layout, id);

	*value = 0;
	if (!m || m->size > sizeof(*value))
		return km_errorf(KM_EABSENT, "%s is not known", km_member_name(id));
	return km_read_virt_as(ring->kernel->mem, addr + m->offset, value, m->size,
			       labelled ? km_member_name(id) : NULL);
}

static km_error *read_members(const struct ring *ring, struct record *r, bool labelled)
{
	const struct {
		uint64_t addr;
		enum km_member_id id;
		uint64_t *value;
	} members[] = {
		{r->desc, KM_M_prb_desc_state_var, &r->state},
		{r->desc, KM_M_prb_desc_begin, &r->begin},
		{r->desc, KM_M_prb_desc_next, &r->next},
		{r->info, KM_M_printk_info_seq, &r->seq},
		{r->info, KM_M_printk_info_ts_nsec, &r->ts_nsec},
		{r->info, KM_M_printk_info_text_len, &r->len},
	};
	km_error *err = NULL;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !err; i++)
		err = read_member(ring, members[i].addr, members[i].id, labelled, members[i].value);
	return err;
}

/*
 * Find the block of the text: at begin, or, if it would not fit before the end of the ring, at its
 * start. Mirrors get_data(). A begin with bit 0 set means that there is no text. Return false if
 * the positions are malformed.
 */
static bool find_block(const struct ring *ring, const struct record *r, uint64_t *block,
		       uint64_t *len)
{
	uint64_t mask = ring->size - 1, end = r->next & mask;
	bool wraps = (r->begin & ~mask) != (r->next & ~mask) && end;

	*block = ring->text + (wraps ? 0 : r->begin & mask);
	*len = wraps ? end : r->next - r->begin;
	return *len > sizeof(uint64_t) && *len <= ring->size &&
	       (wraps || (r->begin & mask) + *len <= ring->size);
}

static enum found find_text(const struct ring *ring, struct record *r)
{
	uint64_t block, len, id;
	km_scoped_error *err = NULL;

	if (r->begin & 1) {
		r->len = 0;
		return FOUND;
	}
	if (!find_block(ring, r, &block, &len))
		return DAMAGED;
	if (r->len > len - sizeof(id))
		r->len = len - sizeof(id);
	if (r->len >= KM_PRINTK_TEXT)
		r->len = KM_PRINTK_TEXT - 1;
	r->text = block + sizeof(id);
	/* a capsule does not contain it */
	if (km_target_holds_ranges(km_memory_target(ring->kernel->mem)))
		return FOUND;
	err = km_read_virt(ring->kernel->mem, block, &id, sizeof(id));
	if (err)
		return LOST;
	return id == r->id ? FOUND : DAMAGED;
}

/* A record that a capsule does not contain is OTHER; so is one that is not finished. */
static enum found find_record(const struct ring *ring, struct record *r)
{
	uint64_t at = r->id & (ring->count - 1), state;
	km_scoped_error *err = NULL;

	r->desc = ring->descs + at * ring->desc_size;
	r->info = ring->infos + at * ring->info_size;
	err = read_members(ring, r, false);
	if (err)
		return km_error_code(err) == KM_EABSENT ? OTHER : LOST;
	state = r->state >> STATE_SHIFT;
	if ((r->state & ID_MASK) != r->id || (state != STATE_COMMITTED && state != STATE_FINALIZED))
		return OTHER;
	return find_text(ring, r);
}

/* A capsule may contain only the first bytes of the text: shorten it until it is there. */
static enum found read_text(const struct ring *ring, struct record *r, char *text)
{
	bool ranges = km_target_holds_ranges(km_memory_target(ring->kernel->mem));

	while (r->text && r->len) {
		km_scoped_error *err = km_read_virt(ring->kernel->mem, r->text, text, r->len);

		if (!err)
			break;
		if (!ranges || km_error_code(err) != KM_EABSENT)
			return LOST;
		r->len--;
	}
	text[r->len] = 0;
	return FOUND;
}

/* Read it once more, with labels, so that a recorder notes @keep bytes of its text. */
static void record_it(const struct ring *ring, const struct record *r, size_t keep)
{
	struct record again = *r;
	char text[KM_PRINTK_TEXT];
	km_scoped_error *err = read_members(ring, &again, true);

	if (!err && r->text)
		err = km_read_virt_as(ring->kernel->mem, r->text, text,
				      keep < r->len ? keep : r->len,
				      "KVM's message in the kernel log");
}

/* Pass the record of this descriptor on. Return whether there is one. */
static bool look_at(const struct ring *ring, uint64_t id, km_printk_fn *fn, void *data,
		    struct km_printk_counts *counts)
{
	struct km_recorder *rec = km_memory_recorder(ring->kernel->mem);
	struct record r = {.id = id};
	enum found found = find_record(ring, &r);
	char text[KM_PRINTK_TEXT];
	size_t keep;

	if (found == FOUND)
		found = read_text(ring, &r, text);
	counts->lost += found == LOST;
	counts->damaged += found == DAMAGED;
	if (found != FOUND)
		return false;
	if (!counts->records)
		counts->overwritten = r.seq;
	counts->records++;
	keep = fn(data, &(struct km_printk_record){r.seq, r.ts_nsec, text, r.len},
		  rec && rec->names);
	if (keep && rec)
		record_it(ring, &r, keep);
	return true;
}

km_error *km_printk_read(const struct km_kernel *kernel, km_printk_fn *fn, void *data,
			 struct km_printk_counts *counts)
{
	struct ring ring = {.kernel = kernel};
	bool before = km_memory_optional(kernel->mem, true);
	km_error *err;

	memset(counts, 0, sizeof(*counts));
	err = read_ring(&ring);
	for (uint64_t i = 0, gap = 0; !err && i <= ((ring.head - ring.tail) & ID_MASK); i++) {
		gap = look_at(&ring, (ring.tail + i) & ID_MASK, fn, data, counts) ? 0 : gap + 1;
		err = km_check_interrupt(kernel->mem);
		if (gap < MAX_GAP)
			continue;
		/* the head is wrong, or all of it is missing */
		counts->lost += ((ring.head - ring.tail) & ID_MASK) - i;
		break;
	}
	km_memory_optional(kernel->mem, before);
	return err;
}
