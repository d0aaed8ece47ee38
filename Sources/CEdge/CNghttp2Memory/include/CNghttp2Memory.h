// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// Where libnghttp2 gets its memory, in the form of its nghttp2_mem.
//
// For each request it takes and gives back a dozen blocks: the stream, the frame, the fields as they were given, an entry
// of a table. With some requests under way that is more than the C library keeps at hand for a thread, and it begins to
// split blocks and to join neighbours. So each thread keeps what is given back, by size.

#ifndef WEFT_CNGHTTP2MEMORY_H
#define WEFT_CNGHTTP2MEMORY_H

#include <stddef.h>

/// Blocks are kept in sizes that are multiples of this, and asked for in these sizes.
#define WEFT_BLOCK_STEP 32

/// Larger ones go back to the C library: buffers of whole frames, and what belongs to a connection and not to a request.
#define WEFT_BLOCK_BYTES_MAX 2048

/// What each thread keeps in all: what some hundred requests need.
#define WEFT_BLOCKS_KEPT_BYTES_MAX (256 * 1024)

/// As malloc(3). What a kept block held is still in it, as in any memory that was freed.
void *weft_nghttp2_allocate(size_t count, void *user);

/// As free(3), on whatever thread: the block stays with the one that frees it. A thread that ends leaves what it has kept
/// behind; ours end with the process.
void weft_nghttp2_free(void *block, void *user);

/// As calloc(3).
void *weft_nghttp2_allocate_cleared(size_t count, size_t size, void *user);

/// As realloc(3).
void *weft_nghttp2_reallocate(void *block, size_t count, void *user);

/// How many bytes this thread keeps now.
size_t weft_nghttp2_bytes_kept(void);

#endif
