/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capsule, format 2: an ELF64 core file for x86-64, packed by gzip (unpacked with "gzip -dc" it
 * is a capsule, too, and readelf shows it). The same dump gives the same bytes in every front end:
 * they may come with different versions of zlib, which pack alike, while those of libzstd do not.
 * The first capsules are one frame of zstd with its size in the frame header, and stay readable.
 *
 *	ELF header | program headers | [section header 0] | notes | bytes of the segments
 *
 * nothing between them and nothing behind. Section header 0 is there only to count 65535 program
 * headers and more (PN_XNUM). The first program header is PT_NOTE; the others are PT_LOAD, in order
 * and without overlap: those of virtual addresses (p_paddr = -1), then those of physical ones
 * (p_vaddr = -1). Bytes are as in the dump, p_filesz = p_memsz, of any length: only what the
 * analysis reads. p_filesz = 0: pages that were not in the dump either.
 *
 * Notes, owner "KVMMMU", in this order: format, manifest, types, stacks. Format 1 has no stacks.
 *
 * The manifest is JSON: format, release, vendor, build_ids{vmlinux kvm vendor_module}, types (where
 * they came from), types_made (from the members in layout.def, for there was only DWARF), selection
 * (null, "VM" or "VM:VCPU" by number), names (process names are in), page_table_pages, page_limit,
 * page_limit_hit, pages_left_out (pointed to by an entry, and not proven to be page tables),
 * symbol_pages_lost, vendor_trouble, symbols{name: address}.
 *
 * The types are BTF, and stand alone.
 *
 * The stacks are JSON: tasks (complete: the list was whole; trouble; tasks[]{task tid tgid state
 * on_cpu mm comm}; comm is empty without names) and stacks[]{task base size start sp pages_missing
 * trouble frames[] page_faults[]}. A frame is [function, offset in it, pc, where on the stack pc
 * was, whether that is certain]; page_faults are addresses of struct kvm_page_fault, whose members
 * are in a segment. Of a stack itself there are no bytes.
 */
#ifndef KVMMMU_CAPSULE_FORMAT_H
#define KVMMMU_CAPSULE_FORMAT_H

#include "error.h"
#include "recorder.h"
#include "target.h"

#include <elf.h>

#define KM_CAPSULE_FORMAT 2
#define KM_CAPSULE_OWNER  "KVMMMU"

enum km_capsule_note {
	KM_NOTE_FORMAT = 1, /* 32 bits: KM_CAPSULE_FORMAT */
	KM_NOTE_MANIFEST,
	KM_NOTE_TYPES,
	KM_NOTE_STACKS, /* since format 2 */
	KM_NOTES = KM_NOTE_STACKS,
};

/* The last note of a capsule of this format. */
static inline uint32_t km_capsule_last_note(uint32_t format)
{
	return format == 1 ? KM_NOTE_TYPES : KM_NOTE_STACKS;
}

#define KM_NO_ADDRESS (~0ULL)

/* How a packed capsule begins: with no name, no time and no comment, from Unix. */
#define KM_CAPSULE_GZIP "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
#define KM_CAPSULE_ZSTD "\x28\xb5\x2f\xfd"

/* An unpacked capsule is not larger than this, nor that much larger than packed. */
#define KM_CAPSULE_MAX	     (1ULL << 30)
#define KM_CAPSULE_MAX_RATIO 1024

/* The ELF header of a capsule with so many program headers. */
static inline Elf64_Ehdr km_capsule_header(size_t headers)
{
	bool many = headers >= PN_XNUM;

	return (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = many ? sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr) : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (uint16_t)headers,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};
}

/* With many headers, section header 0 has their number. */
static inline Elf64_Shdr km_capsule_section_header(size_t headers)
{
	return (Elf64_Shdr){.sh_info = (uint32_t)headers};
}

/* The manifest. */
struct km_manifest {
	uint32_t format; /* 0: KM_CAPSULE_FORMAT */
	struct km_target_kernel kernel;
	int64_t vm, vcpu; /* the selection; -1: all */
	uint64_t pages, limit, left_out;
	bool limit_hit;
	const struct km_item_symbol *symbols;
	size_t symbol_count;
	void *owned; /* what the texts live in, if they were parsed */
};

/* As JSON for free(); NULL when memory is out. */
char *km_manifest_print(const struct km_manifest *manifest);

/* KM_EDATA if it is no manifest of a format that we know. The caller calls km_manifest_deinit(). */
km_error *km_manifest_parse(const char *text, size_t len, struct km_manifest *manifest);
void km_manifest_deinit(struct km_manifest *manifest);

#endif
