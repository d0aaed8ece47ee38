// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// Where OpenSSL gets its memory, in the form that CRYPTO_set_mem_functions(3) takes.
//
// With SSL_MODE_RELEASE_BUFFERS, which keeps idle connections small, a session takes a buffer for nearly every record that
// it reads or writes and gives it back at once. For blocks of that size the allocator of the C library looks through its
// bins and joins neighbours each time, which was a twentieth of all CPU time. So each thread keeps a few of them.

#ifndef WEFT_COPENSSLMEMORY_H
#define WEFT_COPENSSLMEMORY_H

#include <stddef.h>

/// A record with its header, tag and padding (RFC 8446 section 5.2: 16 KiB and 256 bytes) and what OpenSSL wants around it
/// to read or write it: 16 to 17.5 KiB. Blocks of more than the one and at most the other are kept, all at the larger size,
/// so that each fits every one of them.
#define WEFT_RECORD_BLOCK_ABOVE 16384
#define WEFT_RECORD_BLOCK_BYTES 18432

/// So many blocks are kept by each thread: four to read and four to write, of which a thread that works on one session
/// after the other has seldom more than two in turn.
#define WEFT_RECORD_BLOCKS_MAX 8

/// As malloc(3); null for no bytes. The file and line are OpenSSL's and of no interest. What a kept block held is still in
/// it, as in any memory that was freed: OpenSSL wipes what is secret before it frees, and clears what it wants clear.
void *weft_openssl_allocate(size_t count, const char *file, int line);

/// As realloc(3); no bytes free the block.
void *weft_openssl_reallocate(void *block, size_t count, const char *file, int line);

/// As free(3), on whatever thread: the block stays with the one that frees it. A thread that ends leaves what it has kept
/// behind; ours end with the process.
void weft_openssl_free(void *block, const char *file, int line);

/// How many blocks this thread keeps now.
int weft_openssl_blocks_kept(void);

#endif
