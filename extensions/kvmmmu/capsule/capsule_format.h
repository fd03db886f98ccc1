/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capsule, format 2: an ELF64 core file for x86-64, compressed with gzip. Uncompressed with
 * "gzip -dc" it is a capsule, too, and readelf can show it. The same dump gives the same bytes in
 * every front end: they may use different versions of zlib, which compress identically, while those
 * of libzstd do not. The first capsules are a single zstd frame that contains its size; they are
 * still read.
 *
 *	ELF header | program headers | [section header 0] | notes | bytes of the segments
 *
 * with nothing between and nothing after them. Section header 0 exists only to count 65535 or more
 * program headers (PN_XNUM). The first program header is PT_NOTE; the others are PT_LOAD, sorted
 *and without overlap: those of virtual addresses (p_paddr = -1), then those of physical addresses
 * (p_vaddr = -1). They contain only bytes that the analysis reads, as in the dump and of any
 *length, p_filesz = p_memsz. p_filesz = 0: pages that were missing from the dump.
 *
 * Notes, owner "KVMMMU", in this order: format, manifest, types, stacks. Format 1 has no stacks.
 *
 * The manifest is JSON: format, release, vendor, build_ids{vmlinux kvm vendor_module}, types (where
 * they came from), types_made (from the members in layout.def, as there was only DWARF), selection
 * (null, "VM" or "VM:VCPU" by number), names (process names are included), page_table_pages,
 * page_limit, page_limit_hit, pages_left_out (referenced by an entry, but not proven to be page
 * tables), symbol_pages_lost, vendor_trouble, redacted (addresses of the kernel's image and modules
 *are moved, see rebase.h; only if so: earlier versions do not know it), symbols{name: address}.
 *Other keys are an error.
 *
 * The types are BTF that is not based on other BTF.
 *
 * The stacks are JSON: tasks[]{task tid tgid state on_cpu mm comm}, complete (the list of tasks was
 * read to its end), trouble, and stacks[]{task base size start sp pages_missing trouble frames[]
 * page_faults[]}. comm is empty without names. A frame is [function, offset in the function, pc,
 * address on the stack of pc, whether it is certain]; page_faults are addresses of struct
 * kvm_page_fault, whose members are in a segment. The bytes of a stack are not included. Other keys
 * are an error.
 */
#ifndef KVMMMU_CAPSULE_FORMAT_H
#define KVMMMU_CAPSULE_FORMAT_H

#include "base/error.h"
#include "base/recorder.h"
#include "base/target.h"

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

/* Return the type of the last note in a capsule of this format. */
static inline uint32_t km_capsule_last_note(uint32_t format)
{
	return format == 1 ? KM_NOTE_TYPES : KM_NOTE_STACKS;
}

#define KM_NO_ADDRESS (~0ULL)

/* The gzip header of a capsule: no name, no time, no comment, from Unix. */
#define KM_CAPSULE_GZIP "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
#define KM_CAPSULE_ZSTD "\x28\xb5\x2f\xfd"

/* Limits on the size of an unpacked capsule, and on its ratio to the compressed size. */
#define KM_CAPSULE_MAX	     (80ULL << 20)
#define KM_CAPSULE_MAX_RATIO 1024

/*
 * Whatever is in a file, opening it and one answer about it take no more memory (with the printed
 * answer and the program itself: 200 MiB) and CPU time than this.
 */
#define KM_CAPSULE_MEMORY      (160ULL << 20)
#define KM_CAPSULE_CPU_SECONDS 5

/* Return the ELF header of a capsule with this number of program headers. */
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

/* Return section header 0, which has the number of program headers. */
static inline Elf64_Shdr km_capsule_section_header(size_t headers)
{
	return (Elf64_Shdr){.sh_info = (uint32_t)headers};
}

/* The manifest. */
struct km_manifest {
	uint32_t format; /* 0: KM_CAPSULE_FORMAT */
	struct km_capsule_info kernel;
	uint64_t pages, limit, left_out;
	bool limit_hit;
	const struct km_item_symbol *symbols;
	size_t symbol_count;
	void *owned; /* the parsed JSON object that contains the texts, or NULL */
};

/* Return the manifest as JSON, to be freed with free(); NULL if memory is exhausted. */
char *km_manifest_print(const struct km_manifest *manifest);

/*
 * Parse a manifest. KM_EDATA: malformed, or of an unknown format. The caller calls
 * km_manifest_deinit() in any case.
 */
km_error *km_manifest_parse(const char *text, size_t len, struct km_manifest *manifest);
void km_manifest_deinit(struct km_manifest *manifest);

#endif
