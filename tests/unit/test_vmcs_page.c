// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest-physical address in VMCS pages: known layouts, and 10,000 random ones. The pages are
 * made here, with values as KVM and a guest have them; those of Bochs are also read from real dumps
 * (tests/lab).
 */
#include "cm.h"

#include "fault/vmcs_page.h"
#include "vmcs_bochs.h"
#include "rules/exits.h"

#include <stdlib.h>
#include <string.h>

#define SHUFFLES 10000
#define PAGES	 6
#define OTHERS	 60 /* fields of the guest and the host that KVM does not keep */

static uint64_t seed;

/* Guest memory, below what the random linear addresses are. */
static struct km_memslot memory = {.base_gfn = 0, .npages = 0x40000};
static const struct km_memslots slots = {.slots = &memory, .count = 1};

/* splitmix64 */
static uint64_t chance(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct km_val absent(void)
{
	return (struct km_val){.known = KM_ABSENT};
}

/* A machine: where its fields are, and its VMCS pages with their true addresses. */
static struct {
	unsigned at[KM_VMCS_FIELD_COUNT + OTHERS];
	bool used[KM_PAGE_SIZE / 4];
	struct km_vmcs_page pages[PAGES];
	uint64_t gpa[PAGES];
	bool violation[PAGES];
	size_t count;
} m;

static void put(struct km_vmcs_page *page, unsigned at, uint64_t value, unsigned bytes)
{
	memcpy(page->bytes + at, &value, bytes);
}

/* A place that no other field has. */
static unsigned place(unsigned bytes)
{
	for (;;) {
		unsigned at = 8 + (unsigned)(chance() % ((KM_PAGE_SIZE - 16) / 4)) * 4;

		if (m.used[at / 4] || (bytes == 8 && m.used[at / 4 + 1]))
			continue;
		m.used[at / 4] = true;
		m.used[at / 4 + 1] |= bytes == 8;
		return at;
	}
}

static unsigned bytes_of(int field)
{
	static const unsigned bytes[KM_VMCS_FIELD_COUNT] = {
#define BYTES(name, size) size,
		KM_VMCS_FIELDS(BYTES)
#undef BYTES
	};

	return field < KM_VMCS_FIELD_COUNT ? bytes[field] : 8;
}

static void shuffle_layout(void)
{
	memset(&m, 0, sizeof(m));
	for (int field = 0; field < KM_VMCS_FIELD_COUNT + OTHERS; field++)
		m.at[field] = place(bytes_of(field));
}

/* The values of a page; @field by field, so that a test can leave one out. */
static void fill_page(size_t i, bool violation, bool identity, bool plain)
{
	struct km_vmcs_page *page = &m.pages[i];
	uint64_t values[KM_VMCS_FIELD_COUNT] = {
		[KM_VMCS_ept_pointer] = 0x12345000 + (chance() % 4 << 12) + 0x5e,
		[KM_VMCS_host_cr3] = 0x1b7c001,
		[KM_VMCS_host_cr4] = 0x3726b0,
		[KM_VMCS_host_fs_base] = 0x7f11cf000000 + (chance() % 4096 << 8),
		[KM_VMCS_host_gs_base] = 0xffff88808d9fc000 + (chance() % 16 << 18),
		[KM_VMCS_host_rsp] = 0xffffc90000113cb8 + (chance() % 64 << 14),
		[KM_VMCS_msr_bitmap] = 0xb76000 + (chance() % 4096 << 12),
		[KM_VMCS_pml_address] = 0x22b8a000 + (chance() % 4096 << 12),
		[KM_VMCS_tsc_offset] = 0xffffffffabc2454e,
		[KM_VMCS_vmcs_link_pointer] = UINT64_MAX,
		[KM_VMCS_pin_controls] = 0xbf,
		[KM_VMCS_exec_controls] = 0xb5a06dfa,
		[KM_VMCS_secondary_controls] = 0x25014eb,
		[KM_VMCS_entry_controls] = 0xd3ff,
		[KM_VMCS_exit_controls] = 0x2befff,
		[KM_VMCS_exit_reason] = violation ? EXIT_REASON_EPT_VIOLATION : 30,
		[KM_VMCS_exit_qualification] = violation ? 0x182 : 0xe90040,
	};
	/* guest RIPs, page tables, stacks: some are addresses of guest memory, too */
	for (int other = 0; other < OTHERS; other++)
		put(page, m.at[KM_VMCS_FIELD_COUNT + other],
		    chance() % 3 ? chance() >> (chance() % 64) : (chance() % 0x40000) << 12, 8);
	m.gpa[i] = (chance() % 0x40000000) | 0x1000;
	/* an address of a device, first accessed */
	if (chance() % 16 == 0)
		m.gpa[i] |= 0xf000000000;
	values[KM_VMCS_guest_physical_address] = m.gpa[i];
	values[KM_VMCS_guest_linear_address] =
		identity ? m.gpa[i]
			 : (0x7f0000000 + chance() % 0x1000000) << 12 | (m.gpa[i] & 0xfff);
	if (!plain)
		values[KM_VMCS_guest_physical_address] ^= 0x5a5a5a5a5a5a5a5a;
	for (int field = 0; field < KM_VMCS_FIELD_COUNT; field++) {
		put(page, m.at[field], values[field], bytes_of(field));
		page->anchors[field] = km_known_val(values[field]);
	}
	page->anchors[KM_VMCS_guest_linear_address] = absent();
	page->anchors[KM_VMCS_guest_physical_address] = absent();
	m.violation[i] = violation;
	put(page, 0, 0x12 + (seed & 0xff), 4);
}

/* Find the address, or say that it is not known; a wrong one never. */
static void test_shuffled_layouts(void **state)
{
	unsigned found = 0, with_truth = 0, by_offset = 0, unknown = 0;

	(void)state;
	for (unsigned n = 0; n < SHUFFLES; n++) {
		bool plain = n % 8 != 7;
		size_t of;

		seed = n;
		shuffle_layout();
		m.count = 1 + chance() % PAGES;
		for (size_t i = 0; i < m.count; i++)
			fill_page(i, chance() % 4, chance() % 8 == 0, plain);
		/* sometimes a vCPU is inside the handler */
		if (n % 3 == 0 && m.count > 1 && m.violation[1])
			m.pages[1].anchors[KM_VMCS_guest_physical_address] = km_known_val(m.gpa[1]);
		of = chance() % m.count;
		struct km_vmcs_address address = km_vmcs_find_address(m.pages, m.count, of, &slots);

		if (address.how == KM_VMCS_NOT_FOUND) {
			assert_non_null(address.why);
			unknown++;
			continue;
		}
		assert_true(plain);
		assert_int_equal(address.how, KM_VMCS_BY_CALIBRATION);
		assert_true(address.gpa == m.gpa[of]);
		assert_true(address.anchors >= 8);
		assert_false(km_is_known(address.qualification));
		found++;
		if (km_is_known(m.pages[1].anchors[KM_VMCS_guest_physical_address]))
			with_truth++;
		else
			by_offset++;
	}
	print_message("found %u (by a fault in the handler %u, by page offsets %u), unknown %u\n",
		      found, with_truth, by_offset, unknown);
	assert_true(with_truth > 500 && by_offset > 500);
}

/* A page that the processor has not written back shows an earlier exit. */
static void test_stale_page(void **state)
{
	(void)state;
	seed = 1;
	shuffle_layout();
	for (size_t i = 0; i < 4; i++)
		fill_page(i, true, false, true);
	assert_int_equal(km_vmcs_find_address(m.pages, 4, 0, &slots).how, KM_VMCS_BY_CALIBRATION);
	put(&m.pages[2], m.at[KM_VMCS_exit_reason], 1, 4);
	assert_int_equal(km_vmcs_find_address(m.pages, 4, 0, &slots).how, KM_VMCS_NOT_FOUND);
}

/* Fewer anchors than eight do not prove a layout. */
static void test_few_anchors(void **state)
{
	(void)state;
	seed = 1;
	shuffle_layout();
	for (size_t i = 0; i < 4; i++) {
		fill_page(i, true, false, true);
		for (int field = KM_VMCS_tsc_offset; field <= KM_VMCS_exit_controls; field++)
			m.pages[i].anchors[field] = absent();
		m.pages[i].anchors[KM_VMCS_host_rsp] = absent();
		m.pages[i].anchors[KM_VMCS_host_cr4] = absent();
	}
	assert_int_equal(km_vmcs_find_address(m.pages, 4, 0, &slots).how, KM_VMCS_NOT_FOUND);
}

/* Each known layout: the address, and what speaks against it. */
static void test_known_layouts(void **state)
{
	size_t count;
	const struct km_vmcs_layout *layouts = km_vmcs_layouts(&count);

	(void)state;
	for (size_t n = 0; n < count; n++) {
		const struct km_vmcs_layout *l = &layouts[n];
		const unsigned at[KM_VMCS_FIELD_COUNT] = {
#define AT(name, size) l->at.name,
			KM_VMCS_FIELDS(AT)
#undef AT
		};
		struct km_vmcs_address address;
		struct km_vmcs_page page;
		unsigned anchors;

		seed = n;
		memset(&m, 0, sizeof(m));
		for (int field = 0; field < KM_VMCS_FIELD_COUNT; field++) {
			m.at[field] = at[field] ? at[field] : KM_PAGE_SIZE - 8 * (field + 1);
			m.used[m.at[field] / 4] = m.used[m.at[field] / 4 + 1] = true;
		}
		for (int other = 0; other < OTHERS; other++)
			m.at[KM_VMCS_FIELD_COUNT + other] = place(8);
		fill_page(0, true, false, true);
		put(&m.pages[0], 0, l->revision ? l->revision : 0x12, 4);
		page = m.pages[0];
		address = km_vmcs_find_address(&page, 1, 0, NULL);
		assert_int_equal(address.how, KM_VMCS_BY_TABLE);
		assert_string_equal(address.source, l->source);
		assert_true(address.gpa == m.gpa[0]);
		assert_int_equal(address.linear.v & 0xfff, m.gpa[0] & 0xfff);
		/* also where KVM has not read it yet */
		page.anchors[KM_VMCS_exit_qualification] = absent();
		address = km_vmcs_find_address(&page, 1, 0, NULL);
		assert_true(km_is_known(address.qualification) && address.qualification.v == 0x182);
		/* any anchor that is not in its place */
		for (int field = 0; field < KM_VMCS_guest_linear_address; field++) {
			page = m.pages[0];
			page.anchors[field].v ^= 0x8000;
			if (at[field] && field != KM_VMCS_exit_reason)
				assert_null(km_vmcs_find_layout(&page, &anchors));
		}
		page = m.pages[0];
		page.anchors[KM_VMCS_exit_reason].v = 1;
		assert_null(km_vmcs_find_layout(&page, &anchors));
		/* another revision: only layouts without one fit */
		put(&page, 0, 0x7777, 4);
		page.anchors[KM_VMCS_exit_reason].v = EXIT_REASON_EPT_VIOLATION;
		assert_int_equal(!km_vmcs_find_layout(&page, &anchors), l->revision != 0);
		/* the linear address contradicts the GPA */
		page = m.pages[0];
		put(&page, l->at.guest_linear_address, address.linear.v ^ 0x10, 8);
		assert_int_equal(km_vmcs_find_address(&page, 1, 0, NULL).how, KM_VMCS_NOT_FOUND);
	}
}

static struct km_vmcs_page bochs_page(const struct bochs_word *words, size_t count)
{
	struct km_vmcs_page page = {.bytes = {0}};

	for (size_t i = 0; i < count; i++)
		put(&page, words[i].at, words[i].value, 8);
	for (int field = 0; field < KM_VMCS_FIELD_COUNT; field++)
		page.anchors[field] = absent();
	/* the same in both */
	page.anchors[KM_VMCS_host_cr4] = km_known_val(0x3726b0);
	page.anchors[KM_VMCS_host_gs_base] = km_known_val(0xffff88808d9fc000);
	page.anchors[KM_VMCS_entry_controls] = km_known_val(0xd3ff);
	page.anchors[KM_VMCS_exit_controls] = km_known_val(0x2befff);
	page.anchors[KM_VMCS_pin_controls] = km_known_val(0x3f);
	page.anchors[KM_VMCS_vmcs_link_pointer] = km_known_val(UINT64_MAX);
	page.anchors[KM_VMCS_exit_reason] = km_known_val(30);
	return page;
}

/* Pages of real dumps: one revision, two layouts. */
static void test_bochs(void **state)
{
	struct km_vmcs_page mbec = bochs_page(bochs_mbec, ARRAY_SIZE(bochs_mbec));
	struct km_vmcs_page no_mbec = bochs_page(bochs_no_mbec, ARRAY_SIZE(bochs_no_mbec));
	struct km_vmcs_address address;
	const struct km_vmcs_layout *l;
	unsigned anchors;
	uint64_t linear;

	(void)state;
	mbec.anchors[KM_VMCS_ept_pointer] = km_known_val(0xb8805e);
	mbec.anchors[KM_VMCS_host_cr3] = km_known_val(0xb7c001);
	mbec.anchors[KM_VMCS_host_rsp] = km_known_val(0xffffc90000113cb8);
	mbec.anchors[KM_VMCS_exit_qualification] = km_known_val(0xe90040);
	mbec.anchors[KM_VMCS_pml_address] = km_known_val(0xb8a000);
	address = km_vmcs_find_address(&mbec, 1, 0, NULL);
	assert_int_equal(address.how, KM_VMCS_BY_TABLE);
	assert_true(address.gpa == 0x202ff000);
	assert_int_equal(address.anchors, 12);
	l = km_vmcs_find_layout(&mbec, &anchors);
	memcpy(&linear, mbec.bytes + l->at.guest_linear_address, 8);
	assert_true(linear == 0x202ff000);

	no_mbec.anchors[KM_VMCS_ept_pointer] = km_known_val(0xb6001e);
	no_mbec.anchors[KM_VMCS_host_cr3] = km_known_val(0xc0a005);
	no_mbec.anchors[KM_VMCS_host_rsp] = km_known_val(0xffffc9000010bcb8);
	no_mbec.anchors[KM_VMCS_exit_qualification] = km_known_val(0x10000008);
	address = km_vmcs_find_address(&no_mbec, 1, 0, NULL);
	assert_int_equal(address.how, KM_VMCS_BY_TABLE);
	assert_true(address.gpa == 0x1a170);
	l = km_vmcs_find_layout(&no_mbec, &anchors);
	memcpy(&linear, no_mbec.bytes + l->at.guest_linear_address, 8);
	assert_true(linear == 0x418170);
	/* in another root's page */
	no_mbec.anchors[KM_VMCS_ept_pointer].v += 0x1000;
	assert_int_equal(km_vmcs_find_address(&no_mbec, 1, 0, NULL).how, KM_VMCS_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shuffled_layouts),
		cmocka_unit_test(test_stale_page),
		cmocka_unit_test(test_few_anchors),
		cmocka_unit_test(test_known_layouts),
		cmocka_unit_test(test_bochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
