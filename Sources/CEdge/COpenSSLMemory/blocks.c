// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#include "COpenSSLMemory.h"

#include <malloc.h>
#include <stdlib.h>

/// The blocks of this thread, the one freed last on top: it is the one that is still in the cache.
static _Thread_local struct {
    int count;
    void *blocks[WEFT_RECORD_BLOCKS_MAX];
} kept;

void *weft_openssl_allocate(size_t count, const char *file, int line) {
    (void)file, (void)line;
    if (count == 0) return NULL;
    if (count <= WEFT_RECORD_BLOCK_ABOVE || count > WEFT_RECORD_BLOCK_BYTES) return malloc(count);
    if (kept.count > 0) return kept.blocks[--kept.count];
    return malloc(WEFT_RECORD_BLOCK_BYTES);
}

void *weft_openssl_reallocate(void *block, size_t count, const char *file, int line) {
    if (block == NULL) return weft_openssl_allocate(count, file, line);
    if (count == 0) {
        weft_openssl_free(block, file, line);
        return NULL;
    }
    return realloc(block, count);
}

void weft_openssl_free(void *block, const char *file, int line) {
    (void)file, (void)line;
    if (block == NULL) return;
    // A block that is as large may be kept whoever allocated it; a larger one would hold memory that nobody asked for. The
    // difference is what the allocator rounds up by.
    size_t size = malloc_usable_size(block);
    if (size >= WEFT_RECORD_BLOCK_BYTES && size < WEFT_RECORD_BLOCK_BYTES + 64 && kept.count < WEFT_RECORD_BLOCKS_MAX) {
        kept.blocks[kept.count++] = block;
    } else {
        free(block);
    }
}

int weft_openssl_blocks_kept(void) { return kept.count; }
