// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every access to every kind of guest page in every paging mode, compared with the statements of
 * SDM 4.6.1 and 4.6.2 (APM 5.6, 5.6.6 and 5.6.7), which are in manual_access.h.
 */
#include "cm.h"
#include "manual_access.h"
#include "rules/guest_access.h"
#include "rules/permissions.h"

#include <string.h>

static unsigned checked;

static void check(enum km_acc_format format, const struct mode *m, const struct page *p,
		  enum kind kind, bool user)
{
	struct km_perm_inputs in = {.format = format,
				    .cr4_smep = m->smep,
				    .cr4_smap = m->smap,
				    .cr0_wp = m->wp,
				    .efer_nx = m->nxe};
	uint16_t words[KM_PERM_WORDS];
	struct km_guest_access access = {
		.words = words,
		.format = format,
		.pkru_mask = km_update_pkru_bitmask(m->pke, m->wp),
		.acc = ACC_READ_MASK | (p->write ? ACC_WRITE_MASK : 0) |
		       (p->user ? ACC_USER_MASK : 0) | (p->execute ? ACC_EXEC_MASK : 0),
		.pkey = p->key,
		.ac_known = true,
		.ac = m->ac,
		.pkru_known = true,
		.pkru = m->pkru,
	};
	uint64_t pfec = (kind == WRITE	 ? PFERR_WRITE_MASK
			 : kind == FETCH ? PFERR_FETCH_MASK
					 : 0) |
			(user ? PFERR_USER_MASK : 0);
	bool by_rights = user ? user_may(m, p, kind) : supervisor_may(m, p, kind);
	bool by_key = key_allows(m, p, kind, user), pk;
	enum km_guest_ruling ruling;

	km_update_permission_bitmask(&in, words);
	ruling = km_permission_fault(&access, pfec, &pk);
	assert_int_equal(ruling, by_rights && by_key ? KM_GUEST_PERMITS : KM_GUEST_FORBIDS);
	assert_int_equal(pk, !by_key);
	checked++;
}

static void check_pages(enum km_acc_format format, const struct mode *m)
{
	static const unsigned keys[] = {0, 1, 15};

	for (unsigned bits = 0; bits < 8 * 3; bits++) {
		struct page p = {bits & 1, bits & 2, bits & 4, keys[bits / 8]};

		/* without NXE, XD is a reserved bit, and not a right */
		if (!m->nxe && !p.execute)
			continue;
		for (enum kind kind = READ; kind < KINDS; kind++) {
			check(format, m, &p, kind, false);
			check(format, m, &p, kind, true);
		}
	}
}

static void test_every_access(void **state)
{
	/* no key forbids, AD of key 0, WD of key 1, both of key 15, everything */
	static const uint32_t pkrus[] = {0, 1, 8, 0xc0000000, 0xffffffff};

	(void)state;
	checked = 0;
	for (unsigned bits = 0; bits < 64; bits++) {
		for (size_t i = 0; i < sizeof(pkrus) / sizeof(pkrus[0]); i++) {
			struct mode m = {bits & 1,  bits & 2,  bits & 4, bits & 8,
					 bits & 16, bits & 32, pkrus[i]};

			check_pages(KM_ACC_UWX, &m);
			check_pages(KM_ACC_RWUX, &m);
		}
	}
	/* of 640 combinations half have 24 pages, half 12; 6 accesses each */
	assert_int_equal(checked, 640 / 2 * (24 + 12) * 6);
}

/* What is not known matters only where it decides. */
static void test_unknown_registers(void **state)
{
	struct km_perm_inputs in = {
		.format = KM_ACC_RWUX, .cr4_smap = true, .cr0_wp = true, .efer_nx = true};
	uint16_t words[KM_PERM_WORDS];
	struct km_guest_access access = {.words = words,
					 .format = KM_ACC_RWUX,
					 .acc = ACC_READ_MASK | ACC_USER_MASK,
					 .pkey = 3};
	bool pk;

	(void)state;
	km_update_permission_bitmask(&in, words);
	pk = true;
	assert_int_equal(km_permission_fault(&access, 0, &pk), KM_GUEST_NEEDS_AC);
	assert_false(pk);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK, &pk), KM_GUEST_PERMITS);
	access.pkru_mask = km_update_pkru_bitmask(true, true);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK, &pk), KM_GUEST_NEEDS_PKRU);
	/* a write is forbidden whatever PKRU is, and so is a fetch, which has no key */
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK | PFERR_WRITE_MASK, &pk),
			 KM_GUEST_FORBIDS);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK | PFERR_FETCH_MASK, &pk),
			 KM_GUEST_FORBIDS);
	access.ac_known = true;
	assert_int_equal(km_permission_fault(&access, 0, &pk), KM_GUEST_FORBIDS);
	access.ac = true;
	assert_int_equal(km_permission_fault(&access, 0, &pk), KM_GUEST_NEEDS_PKRU);
}

/* Before 7.2, U of a table for EPT means readable. */
static void test_ept_without_read(void **state)
{
	struct km_perm_inputs in = {.format = KM_ACC_UWX, .tdp = true, .ept = true};
	uint16_t words[KM_PERM_WORDS];
	struct km_guest_access access = {.words = words,
					 .format = KM_ACC_UWX,
					 .ept = true,
					 .acc = ACC_WRITE_MASK | ACC_USER_EXEC_MASK};
	bool pk;

	(void)state;
	km_update_permission_bitmask(&in, words);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK, &pk), KM_GUEST_FORBIDS);
	access.acc = ACC_READ_MASK;
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK, &pk), KM_GUEST_PERMITS);
	assert_int_equal(km_permission_fault(&access, PFERR_USER_MASK | PFERR_WRITE_MASK, &pk),
			 KM_GUEST_FORBIDS);
}

/* Other bits of an error code say nothing about the access. */
static void test_other_bits(void **state)
{
	struct km_perm_inputs in = {.format = KM_ACC_RWUX, .cr4_smap = true, .efer_nx = true};
	uint16_t words[KM_PERM_WORDS];
	struct km_guest_access access = {.words = words,
					 .format = KM_ACC_RWUX,
					 .acc = ACC_READ_MASK | ACC_USER_MASK,
					 .ac_known = true};
	bool pk;

	(void)state;
	km_update_permission_bitmask(&in, words);
	assert_int_equal(km_permission_fault(&access, PFERR_PRESENT_MASK, &pk), KM_GUEST_FORBIDS);
	assert_int_equal(km_permission_fault(&access, PFERR_RSVD_MASK, &pk), KM_GUEST_FORBIDS);
	assert_int_equal(km_permission_fault(&access, PFERR_GUEST_FINAL_MASK | PFERR_SS_MASK, &pk),
			 KM_GUEST_FORBIDS);
}

static void test_reserved_bits(void **state)
{
	struct km_rsvd_bits rsvd = {.bad_mt_xwr = KM_BIT(2)};
	bool bad;

	(void)state;
	rsvd.rsvd_bits_mask[0][0] = KM_BIT(50);
	rsvd.rsvd_bits_mask[1][1] = KM_BIT(13); /* a huge page */
	assert_int_equal(km_rsvd_gpte(&rsvd, KM_BIT(50) | 1, 1, false, &bad), KM_BIT(50));
	assert_false(bad);
	assert_int_equal(km_rsvd_gpte(&rsvd, KM_BIT(13) | 1, 2, false, &bad), 0);
	assert_int_equal(km_rsvd_gpte(&rsvd, KM_BIT(13) | KM_BIT(7) | 1, 2, false, &bad),
			 KM_BIT(13));
	assert_false(bad);
	assert_int_equal(km_rsvd_gpte(&rsvd, 2, 3, false, &bad), 0);
	assert_true(bad);
	/* XU alone is as little legal as X alone, with MBEC */
	rsvd.bad_mt_xwr = KM_BIT(4);
	assert_int_equal(km_rsvd_gpte(&rsvd, KM_BIT(10), 1, true, &bad), 0);
	assert_true(bad);
	assert_int_equal(km_rsvd_gpte(&rsvd, KM_BIT(10), 1, false, &bad), 0);
	assert_false(bad);
	assert_int_equal(km_rsvd_gpte(&rsvd, 0, 1, true, &bad), 0);
	assert_false(bad);
	assert_int_equal(km_rsvd_gpte(&rsvd, ~0ull, 0, false, &bad), 0);
	assert_int_equal(km_rsvd_gpte(&rsvd, ~0ull, 6, false, &bad), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_access),	 cmocka_unit_test(test_unknown_registers),
		cmocka_unit_test(test_ept_without_read), cmocka_unit_test(test_other_bits),
		cmocka_unit_test(test_reserved_bits),
	};

	return cmocka_run_group_tests_name("guest_access", tests, NULL, NULL);
}
