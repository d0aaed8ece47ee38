// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#include "CNghttp2Memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SIZES (WEFT_BLOCK_BYTES_MAX / WEFT_BLOCK_STEP + 1)

/// A kept block is a link to the one that was kept before it.
struct kept_block {
    struct kept_block *next;
};

/// The blocks of this thread by size in steps, the one freed last first: it is the one that is still in the cache.
static _Thread_local struct {
    size_t bytes;
    struct kept_block *first[SIZES];
} kept;

void *weft_nghttp2_allocate(size_t count, void *user) {
    (void)user;
    if (count == 0 || count > WEFT_BLOCK_BYTES_MAX) return malloc(count);
    size_t size = (count + WEFT_BLOCK_STEP - 1) / WEFT_BLOCK_STEP;
    struct kept_block *block = kept.first[size];
    if (block == NULL) return malloc(size * WEFT_BLOCK_STEP);
    kept.first[size] = block->next;
    kept.bytes -= size * WEFT_BLOCK_STEP;
    return block;
}

void weft_nghttp2_free(void *block, void *user) {
    (void)user;
    if (block == NULL) return;
    // The C library may have given a little more than was asked for, or after realloc(3) much more: it counts as the size
    // that it holds in full.
    size_t size = malloc_usable_size(block) / WEFT_BLOCK_STEP;
    if (size == 0 || size >= SIZES || kept.bytes >= WEFT_BLOCKS_KEPT_BYTES_MAX) {
        free(block);
        return;
    }
    struct kept_block *entry = block;
    entry->next = kept.first[size];
    kept.first[size] = entry;
    kept.bytes += size * WEFT_BLOCK_STEP;
}

void *weft_nghttp2_allocate_cleared(size_t count, size_t size, void *user) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *block = weft_nghttp2_allocate(bytes, user);
    if (block != NULL) memset(block, 0, bytes);
    return block;
}

void *weft_nghttp2_reallocate(void *block, size_t count, void *user) {
    if (block == NULL) return weft_nghttp2_allocate(count, user);
    return realloc(block, count);
}

size_t weft_nghttp2_bytes_kept(void) { return kept.bytes; }
