// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/vmcs_page.h"

#include "rules/exits.h"

#include <string.h>

#define MIN_ANCHORS	     8
#define MIN_PARTIAL_ANCHORS  2 /* of a layout with few known fields: EPTP and exit reason */
#define MIN_PAGES	     3 /* with different page offsets of the GPA ... */
#define MIN_PAGES_WITH_TRUTH 2 /* ... or these, if the GPA of one is known */
#define STEP		     4 /* fields are aligned to this */
#define PLACES		     (KM_PAGE_SIZE / STEP)
#define PAGE_OFFSET(a)	     ((a) & (KM_PAGE_SIZE - 1))

static const struct km_vmcs_layout layouts[] = {
#define KM_VMCS_LAYOUT(source, revision, ...) {source, revision, {__VA_ARGS__}},
#include "fault/vmcs_layouts.def"
#undef KM_VMCS_LAYOUT
};

static const uint8_t field_bytes[KM_VMCS_FIELD_COUNT] = {
#define KM_VMCS_BYTES(name, bytes) bytes,
	KM_VMCS_FIELDS(KM_VMCS_BYTES)
#undef KM_VMCS_BYTES
};

const struct km_vmcs_layout *km_vmcs_layouts(size_t *count)
{
	*count = sizeof(layouts) / sizeof(layouts[0]);
	return layouts;
}

static uint16_t offset_of(const struct km_vmcs_offsets *at, int field)
{
	const uint16_t offsets[KM_VMCS_FIELD_COUNT] = {
#define KM_VMCS_AT(name, bytes) at->name,
		KM_VMCS_FIELDS(KM_VMCS_AT)
#undef KM_VMCS_AT
	};

	return offsets[field];
}

static uint64_t value_at(const struct km_vmcs_page *page, unsigned at, unsigned bytes)
{
	uint64_t value = 0;

	if (at + bytes <= sizeof(page->bytes))
		memcpy(&value, page->bytes + at, bytes);
	return value;
}

static uint32_t revision(const struct km_vmcs_page *page)
{
	return (uint32_t)value_at(page, 0, 4) & 0x7fffffff;
}

/* The address is a result; only calibration uses it as an anchor. */
static bool is_anchor(const struct km_vmcs_page *page, int field)
{
	return field != KM_VMCS_guest_physical_address && km_is_known(page->anchors[field]);
}

/* The exit reason is 16 bits in KVM's copy; in the VMCS, other bits may be set. */
static bool anchor_fits(const struct km_vmcs_page *page, int field, unsigned at)
{
	uint64_t value = value_at(page, at, field_bytes[field]);

	if (field == KM_VMCS_exit_reason)
		value &= 0xffff;
	return value == page->anchors[field].v;
}

/* Does the exit of the page have a GPA, and a linear address that belongs to it? */
static bool has_gpa(const struct km_vmcs_page *page)
{
	struct km_val reason = page->anchors[KM_VMCS_exit_reason];

	return km_is_known(reason) &&
	       (reason.v == EXIT_REASON_EPT_VIOLATION || reason.v == EXIT_REASON_EPT_MISCONFIG);
}

static bool has_linear(const struct km_vmcs_page *page, uint64_t qualification)
{
	const uint64_t valid = EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED;

	return page->anchors[KM_VMCS_exit_reason].v == EXIT_REASON_EPT_VIOLATION &&
	       (qualification & valid) == valid;
}

/* Are all known anchors where the layout puts them? */
static bool layout_fits(const struct km_vmcs_layout *layout, const struct km_vmcs_page *page,
			unsigned *anchors)
{
	unsigned given = 0;

	*anchors = 0;
	if (layout->revision && layout->revision != revision(page))
		return false;
	for (int field = 0; field < KM_VMCS_FIELD_COUNT; field++) {
		unsigned at = offset_of(&layout->at, field);

		given += at != 0;
		if (!at || !is_anchor(page, field))
			continue;
		if (!anchor_fits(page, field, at))
			return false;
		++*anchors;
	}
	if (!km_is_known(page->anchors[KM_VMCS_exit_reason]))
		return false;
	return *anchors >= (given > MIN_ANCHORS ? MIN_ANCHORS : MIN_PARTIAL_ANCHORS);
}

const struct km_vmcs_layout *km_vmcs_find_layout(const struct km_vmcs_page *page, unsigned *anchors)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layout_fits(&layouts[i], page, anchors))
			return &layouts[i];
	}
	return NULL;
}

static struct km_vmcs_address not_found(const char *why)
{
	return (struct km_vmcs_address){.how = KM_VMCS_NOT_FOUND,
					.linear = {.known = KM_ABSENT},
					.qualification = {.known = KM_ABSENT},
					.why = why};
}

/* A layout with few anchors needs the linear address to agree, too. */
static struct km_vmcs_address by_table(const struct km_vmcs_layout *layout,
				       const struct km_vmcs_page *page, unsigned anchors)
{
	uint64_t gpa = value_at(page, layout->at.guest_physical_address, 8);
	uint64_t linear = value_at(page, layout->at.guest_linear_address, 8);
	uint64_t qualification = value_at(page, layout->at.exit_qualification, 8);
	bool valid = !page->no_linear && layout->at.exit_qualification &&
		     has_linear(page, qualification);
	struct km_vmcs_address address = {
		.how = KM_VMCS_BY_TABLE,
		.gpa = gpa,
		.linear = valid ? km_known_val(linear) : (struct km_val){.known = KM_ABSENT},
		.qualification = layout->at.exit_qualification
					 ? km_known_val(qualification)
					 : (struct km_val){.known = KM_ABSENT},
		.anchors = anchors,
		.source = layout->source,
	};

	if (valid && PAGE_OFFSET(gpa) != PAGE_OFFSET(linear))
		return not_found("GPA and linear address of the VMCS page do not agree");
	if (!valid && anchors < MIN_ANCHORS)
		return not_found("too few fields of the VMCS page are known");
	return address;
}

/* --- unknown layouts --- */

/* Does an anchor of its value show its place? Small numbers and repeated values do not. */
static bool is_distinctive(const struct km_vmcs_page *page, int field)
{
	uint64_t value = page->anchors[field].v;

	if (!is_anchor(page, field) || field == KM_VMCS_exit_reason || value < 0x10)
		return false;
	for (int other = 0; other < KM_VMCS_FIELD_COUNT; other++) {
		if (other != field && is_anchor(page, other) && page->anchors[other].v == value)
			return false;
	}
	return true;
}

/* The only place with the anchor in all pages; 0: there is none, or several. */
static unsigned only_place(const struct km_vmcs_page *pages, size_t count, int field)
{
	unsigned found = 0;

	for (unsigned at = STEP; at + field_bytes[field] <= KM_PAGE_SIZE; at += STEP) {
		bool fits = true;

		for (size_t i = 0; i < count && fits; i++)
			fits = is_distinctive(&pages[i], field) &&
			       anchor_fits(&pages[i], field, at);
		if (fits && found)
			return 0;
		if (fits)
			found = at;
	}
	return found;
}

/* Is there at least one place with the exit reason of all pages? If not, a page is not current. */
static bool reasons_fit(const struct km_vmcs_page *pages, size_t count)
{
	for (unsigned at = STEP; at < KM_PAGE_SIZE; at += STEP) {
		bool fits = true;

		for (size_t i = 0; i < count && fits; i++)
			fits = km_is_known(pages[i].anchors[KM_VMCS_exit_reason]) &&
			       anchor_fits(&pages[i], KM_VMCS_exit_reason, at);
		if (fits)
			return true;
	}
	return false;
}

static unsigned count_anchors(const struct km_vmcs_page *pages, size_t count)
{
	unsigned anchors = 0;

	for (int field = 0; field < KM_VMCS_FIELD_COUNT; field++) {
		if (field != KM_VMCS_guest_physical_address)
			anchors += only_place(pages, count, field) != 0;
	}
	return anchors;
}

/* Places that may be the GPA's, by offset / STEP. */
struct candidates {
	bool may[PLACES];
};

/* Pages whose exit has a GPA and a linear address with the same page offset. */
struct sample {
	const struct km_vmcs_page *pages[64];
	size_t count;
	bool truth; /* one of them has the address of a fault that is being handled */
};

static struct sample take_sample(const struct km_vmcs_page *pages, size_t count)
{
	struct sample s = {.count = 0};

	for (size_t i = 0; i < count && s.count < sizeof(s.pages) / sizeof(s.pages[0]); i++) {
		struct km_val q = pages[i].anchors[KM_VMCS_exit_qualification];

		if (!km_is_known(q) || !has_linear(&pages[i], q.v))
			continue;
		s.pages[s.count++] = &pages[i];
		s.truth |= km_is_known(pages[i].anchors[KM_VMCS_guest_physical_address]);
	}
	return s;
}

/* Can a GPA be at this place of all pages? */
static bool has_gpas(const struct sample *s, unsigned at)
{
	for (size_t i = 0; i < s->count; i++) {
		struct km_val truth = s->pages[i]->anchors[KM_VMCS_guest_physical_address];
		uint64_t value = value_at(s->pages[i], at, 8);

		if (!value || value >= KM_BIT(52) || (km_is_known(truth) && truth.v != value))
			return false;
	}
	return true;
}

/* Are there enough different page offsets at the place for an agreement to mean something? */
static bool differs_enough(const struct sample *s, unsigned at)
{
	unsigned different = 0;

	for (size_t i = 0; i < s->count; i++) {
		uint64_t offset = PAGE_OFFSET(value_at(s->pages[i], at, 8));
		bool is_new = offset != 0;

		for (size_t j = 0; j < i; j++)
			is_new &= PAGE_OFFSET(value_at(s->pages[j], at, 8)) != offset;
		different += is_new;
	}
	return different >= MIN_PAGES;
}

static bool agree(const struct sample *s, unsigned gpa, unsigned linear)
{
	for (size_t i = 0; i < s->count; i++) {
		if (PAGE_OFFSET(value_at(s->pages[i], gpa, 8)) !=
		    PAGE_OFFSET(value_at(s->pages[i], linear, 8)))
			return false;
	}
	return true;
}

/* Is there another place with the same page offsets, as that of the linear address? */
static bool has_partner(const struct sample *s, unsigned gpa)
{
	for (unsigned at = STEP; at + 8 <= KM_PAGE_SIZE; at += STEP) {
		if ((at + 8 <= gpa || at >= gpa + 8) && agree(s, gpa, at))
			return true;
	}
	return false;
}

static bool in_slot(const struct km_memslots *slots, uint64_t gpa)
{
	return slots && km_gfn_to_memslot(slots, gpa >> KM_PAGE_SHIFT);
}

/* How many of the sample's values at the place are in guest memory. */
static size_t count_in_slots(const struct sample *s, const struct km_memslots *slots, unsigned at)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += in_slot(slots, value_at(s->pages[i], at, 8));
	return n;
}

/* The linear address agrees with the GPA as well: only guest memory distinguishes them. */
static bool keep_those_in_slots(const struct sample *s, const struct km_memslots *slots,
				struct candidates *c)
{
	for (unsigned at = STEP; at + 8 <= KM_PAGE_SIZE; at += STEP) {
		size_t n = c->may[at / STEP] ? count_in_slots(s, slots, at) : 0;

		if (n && n < s->count)
			return false;
		c->may[at / STEP] = n != 0;
	}
	return true;
}

/* False: the pages do not show where the GPA is. */
static bool find_candidates(const struct sample *s, const struct km_memslots *slots,
			    struct candidates *c)
{
	memset(c, 0, sizeof(*c));
	if (s->count < (s->truth ? MIN_PAGES_WITH_TRUTH : MIN_PAGES))
		return false;
	for (unsigned at = STEP; at + 8 <= KM_PAGE_SIZE; at += STEP)
		c->may[at / STEP] = has_gpas(s, at) && (s->truth || differs_enough(s, at)) &&
				    has_partner(s, at);
	return s->truth || keep_those_in_slots(s, slots, c);
}

/* The one address in the candidates' places of the page. */
static bool only_address(const struct km_vmcs_page *page, const struct candidates *c,
			 uint64_t *address)
{
	bool found = false;

	for (unsigned at = STEP; at + 8 <= KM_PAGE_SIZE; at += STEP) {
		uint64_t value = value_at(page, at, 8);

		if (!c->may[at / STEP])
			continue;
		if (found && value != *address)
			return false;
		found = true;
		*address = value;
	}
	return found && *address && *address < KM_BIT(52);
}

static struct km_vmcs_address calibrate(const struct km_vmcs_page *pages, size_t count, size_t of,
					const struct km_memslots *slots)
{
	struct km_vmcs_address address = not_found(NULL);
	struct sample sample = take_sample(pages, count);
	struct candidates candidates;

	if (!has_gpa(&pages[of]))
		return not_found("the layout of the VMCS page is not known");
	address.anchors = count_anchors(pages, count);
	if (address.anchors < MIN_ANCHORS || !reasons_fit(pages, count))
		return not_found("the layout of the VMCS page is not known, or the page is not "
				 "current");
	if (!find_candidates(&sample, slots, &candidates))
		return not_found("the layout of the VMCS page is not known, and too few pages show "
				 "which field is the address");
	if (!only_address(&pages[of], &candidates, &address.gpa))
		return not_found("the layout of the VMCS page is not known, and several fields "
				 "could be the address");
	address.how = KM_VMCS_BY_CALIBRATION;
	return address;
}

struct km_vmcs_address km_vmcs_find_address(const struct km_vmcs_page *pages, size_t count,
					    size_t of, const struct km_memslots *slots)
{
	unsigned anchors;
	const struct km_vmcs_layout *layout = km_vmcs_find_layout(&pages[of], &anchors);

	if (layout)
		return by_table(layout, &pages[of], anchors);
	return calibrate(pages, count, of, slots);
}
