// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packed memo is a header and a zstd frame. The frame holds entries: lengths, key with its NUL,
 * value; each part is padded to 8 bytes.
 */
#include "base/memo.h"

#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_LEVEL  1
#define PADDED(len) (((size_t)(len) + 7) & ~(size_t)7)

struct header {
	char magic[8];
	uint8_t digest[KM_SHA256_SIZE]; /* of all that follows */
	uint64_t size;			/* of the entries */
};

#define DIGESTED offsetof(struct header, size)

static const char magic[8] = "KVMMEMO";

struct entry {
	const char *key; /* NULL: free */
	const uint8_t *value;
	size_t len;
	uint8_t *own; /* memory that holds both; NULL: they are in the memo's */
};

struct km_memo {
	struct entry *entries; /* open-addressed hash table */
	size_t room, count;    /* room is a power of two */
	size_t bytes;	       /* of all packed entries */
	uint8_t *unpacked;     /* holds the entries that were unpacked */
	bool changed;
};

/* The lengths at the beginning of a packed entry. */
struct lengths {
	uint64_t key; /* with its NUL */
	uint64_t value;
};

static size_t packed_size(size_t key, size_t value)
{
	return sizeof(struct lengths) + PADDED(key) + PADDED(value);
}

struct km_memo *km_memo_new(void)
{
	struct km_memo *memo = calloc(1, sizeof(*memo));

	if (!memo)
		return NULL;
	memo->room = 256;
	memo->entries = calloc(memo->room, sizeof(*memo->entries));
	if (memo->entries)
		return memo;
	free(memo);
	return NULL;
}

void km_memo_free(struct km_memo *memo)
{
	if (!memo)
		return;
	for (size_t i = 0; i < memo->room; i++)
		free(memo->entries[i].own);
	free(memo->entries);
	free(memo->unpacked);
	free(memo);
}

/* Return the entry of @key, or the free one that it would take. */
static struct entry *find(const struct km_memo *memo, const char *key)
{
	uint64_t hash = 14695981039346656037u;
	size_t i;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	for (i = (hash ^ hash >> 32) & (memo->room - 1); memo->entries[i].key;
	     i = (i + 1) & (memo->room - 1))
		if (!strcmp(memo->entries[i].key, key))
			break;
	return &memo->entries[i];
}

/* Keep half of the table free. */
static bool has_room(struct km_memo *memo)
{
	struct entry *old = memo->entries;
	size_t room = memo->room;

	if (2 * (memo->count + 1) <= room)
		return true;
	memo->entries = calloc(2 * room, sizeof(*memo->entries));
	if (!memo->entries) {
		memo->entries = old;
		return false;
	}
	memo->room = 2 * room;
	for (size_t i = 0; i < room; i++)
		if (old[i].key)
			*find(memo, old[i].key) = old[i];
	free(old);
	return true;
}

/* Add @entry, whose key is new. */
static bool add(struct km_memo *memo, const struct entry *entry)
{
	if (!has_room(memo))
		return false;
	*find(memo, entry->key) = *entry;
	memo->count++;
	memo->bytes += packed_size(strlen(entry->key) + 1, entry->len);
	return true;
}

const void *km_memo_get(const struct km_memo *memo, const char *key, size_t *len)
{
	const struct entry *entry = memo ? find(memo, key) : NULL;

	if (!entry || !entry->key)
		return NULL;
	*len = entry->len;
	return entry->value;
}

void km_memo_put(struct km_memo *memo, const char *key, const void *value, size_t len)
{
	size_t key_len = strlen(key) + 1;
	struct entry entry = {.len = len};

	if (!memo || len > KM_MEMO_MAX || key_len > KM_MEMO_MAX ||
	    packed_size(key_len, len) > KM_MEMO_MAX - memo->bytes || find(memo, key)->key)
		return;
	entry.own = malloc(PADDED(len) + key_len);
	if (!entry.own)
		return;
	if (len)
		memcpy(entry.own, value, len);
	entry.value = entry.own;
	entry.key = memcpy(entry.own + PADDED(len), key, key_len);
	if (add(memo, &entry))
		memo->changed = true;
	else
		free(entry.own);
}

bool km_memo_changed(const struct km_memo *memo)
{
	return memo->changed;
}

/* ---- packing ---- */

/* All entries, one after the other, in memo->bytes bytes. */
static uint8_t *list_entries(const struct km_memo *memo)
{
	uint8_t *list = calloc(1, memo->bytes + 1), *at = list;

	for (size_t i = 0; list && i < memo->room; i++) {
		const struct entry *entry = &memo->entries[i];
		struct lengths lengths = {0, entry->len};

		if (!entry->key)
			continue;
		lengths.key = strlen(entry->key) + 1;
		memcpy(at, &lengths, sizeof(lengths));
		memcpy(at + sizeof(lengths), entry->key, lengths.key);
		if (entry->len)
			memcpy(at + sizeof(lengths) + PADDED(lengths.key), entry->value,
			       entry->len);
		at += packed_size(lengths.key, entry->len);
	}
	return list;
}

static bool compress(const struct km_memo *memo, const uint8_t *list, uint8_t *packed, size_t room,
		     size_t *len)
{
	struct header header = {.size = memo->bytes};
	size_t frame = ZSTD_compress(packed + sizeof(header), room - sizeof(header), list,
				     memo->bytes, ZSTD_LEVEL);

	if (ZSTD_isError(frame))
		return false;
	memcpy(header.magic, magic, sizeof(magic));
	memcpy(packed, &header, sizeof(header));
	*len = sizeof(header) + frame;
	return km_sha256(packed + DIGESTED, *len - DIGESTED,
			 packed + offsetof(struct header, digest));
}

bool km_memo_pack(const struct km_memo *memo, uint8_t **bytes, size_t *len)
{
	size_t room = sizeof(struct header) + ZSTD_compressBound(memo->bytes);
	uint8_t *list = list_entries(memo), *packed = malloc(room);
	bool ok = list && packed && compress(memo, list, packed, room, len);

	free(list);
	if (ok)
		*bytes = packed;
	else
		free(packed);
	return ok;
}

/* Add the entry at @at, and return its length; 0: it is not one. */
static size_t add_packed(struct km_memo *memo, const uint8_t *at, size_t left)
{
	struct entry entry = {0};
	struct lengths lengths;

	if (left < sizeof(lengths))
		return 0;
	memcpy(&lengths, at, sizeof(lengths));
	if (!lengths.key || lengths.key > left || lengths.value > left ||
	    packed_size(lengths.key, lengths.value) > left)
		return 0;
	entry.key = (const char *)at + sizeof(lengths);
	entry.value = at + sizeof(lengths) + PADDED(lengths.key);
	entry.len = lengths.value;
	if (strnlen(entry.key, lengths.key) != lengths.key - 1 || find(memo, entry.key)->key)
		return 0;
	return add(memo, &entry) ? packed_size(lengths.key, lengths.value) : 0;
}

static bool add_all(struct km_memo *memo, size_t size)
{
	for (size_t at = 0, len; at < size; at += len) {
		len = add_packed(memo, memo->unpacked + at, size - at);
		if (!len)
			return false;
	}
	return true;
}

/* Decompress the frame of @packed, which is as it was written, into memo->unpacked. */
static bool unpack(struct km_memo *memo, const uint8_t *packed, size_t len, size_t size)
{
	memo->unpacked = malloc(size + 1);
	return memo->unpacked &&
	       ZSTD_decompress(memo->unpacked, size, packed + sizeof(struct header),
			       len - sizeof(struct header)) == size &&
	       add_all(memo, size);
}

struct km_memo *km_memo_unpack(const uint8_t *bytes, size_t len)
{
	uint8_t digest[KM_SHA256_SIZE];
	struct km_memo *memo;
	struct header header;

	if (len < sizeof(header))
		return NULL;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)) || header.size > KM_MEMO_MAX ||
	    !km_sha256(bytes + DIGESTED, len - DIGESTED, digest) ||
	    memcmp(digest, header.digest, sizeof(digest)))
		return NULL;
	memo = km_memo_new();
	if (memo && unpack(memo, bytes, len, header.size))
		return memo;
	km_memo_free(memo);
	return NULL;
}
