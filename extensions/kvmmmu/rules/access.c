// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/access.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct km_bit_name pferr_names[] = {
	{PFERR_PRESENT_MASK, "P", "PRESENT", "the translation was present"},
	{PFERR_WRITE_MASK, "W", "WRITE", "the access was a write"},
	{PFERR_USER_MASK, "U", "USER", "the access was a user access"},
	{PFERR_RSVD_MASK, "RSVD", "RSVD", "an entry had reserved bits set"},
	{PFERR_FETCH_MASK, "F", "FETCH", "the access was an instruction fetch"},
	{PFERR_PK_MASK, "PK", "PK", "a protection key forbids it"},
	{PFERR_SS_MASK, "SS", "SS", "the access was to a shadow stack"},
	{PFERR_SGX_MASK, "SGX", "SGX", "SGX forbids it"},
	{PFERR_GUEST_RMP_MASK, "RMP", "GUEST_RMP", "the reverse map table (SEV-SNP) forbids it"},
	{PFERR_GUEST_FINAL_MASK, "GUEST_FINAL", "GUEST_FINAL",
	 "the fault is on the final guest-physical address"},
	{PFERR_GUEST_PAGE_MASK, "GUEST_PAGE", "GUEST_PAGE",
	 "the fault is on a walk of the guest's page tables"},
	{PFERR_GUEST_ENC_MASK, "GUEST_ENC", "GUEST_ENC", "the guest's C-bit was set (SEV-SNP)"},
	{PFERR_GUEST_SIZEM_MASK, "GUEST_SIZEM", "GUEST_SIZEM",
	 "the page sizes of RMP and page table differ (SEV-SNP)"},
	{PFERR_GUEST_VMPL_MASK, "GUEST_VMPL", "GUEST_VMPL", "the VMPL forbids it (SEV-SNP)"},
	{PFERR_IMPLICIT_ACCESS, "IMPLICIT", "IMPLICIT_ACCESS",
	 "an implicit supervisor access (set by KVM)"},
	{PFERR_PRIVATE_ACCESS, "PRIVATE", "PRIVATE_ACCESS",
	 "an access to private memory (set by KVM)"},
};

const struct km_bit_name *km_pferr_names(size_t *count)
{
	*count = sizeof(pferr_names) / sizeof(pferr_names[0]);
	return pferr_names;
}

char *km_pferr_spell(uint64_t error_code, char *buf, size_t size)
{
	char text[128] = "";
	size_t count;
	const struct km_bit_name *names = km_pferr_names(&count);

	for (size_t i = 0; i < count; i++) {
		if (!(error_code & names[i].mask))
			continue;
		if (text[0])
			strcat(text, "|");
		strcat(text, names[i].letter);
		error_code &= ~names[i].mask;
	}
	if (error_code)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%#" PRIx64,
			 text[0] ? "|" : "", error_code);
	snprintf(buf, size, "%s", text[0] ? text : "0");
	return buf;
}

char *km_acc_spell(enum km_acc_format format, unsigned acc, bool ept, char *buf, size_t size)
{
	/* in the order in which a walk prints the bits of an entry; the bit of each letter */
	static const struct {
		const char *letters;
		uint8_t bits[4];
	} orders[2][2] = {
		[KM_ACC_UWX] = {{"wxu", {1, 0, 2}}, {"rwx", {2, 1, 0}}},
		[KM_ACC_RWUX] = {{"rwxu", {0, 1, 3, 2}}, {"rwsu", {0, 1, 3, 2}}},
	};
	const char *letters = orders[format][ept].letters;
	char text[5] = "";

	for (size_t i = 0; letters[i]; i++)
		text[i] = acc >> orders[format][ept].bits[i] & 1 ? letters[i] : '-';
	snprintf(buf, size, "%s", text);
	return buf;
}
