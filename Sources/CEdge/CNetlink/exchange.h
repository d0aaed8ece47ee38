// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#ifndef WEFT_EXCHANGE_H
#define WEFT_EXCHANGE_H

#include <libmnl/libmnl.h>
#include <stdint.h>

/// Large enough for any request of ours and for one datagram of answers (the kernel sends at most 32 KiB at once).
#define WEFT_MESSAGE_SIZE 32768

/// Sends one request on a socket of its own and hands every message of the answer to `each` (NULL: only the verdict
/// counts). The sequence number and port are filled in here. -errno if the kernel refused.
int weft_exchange(int bus, struct nlmsghdr *request, mnl_cb_t each, void *context);

/// The same for something that lists, asked again while the kernel says that the list changed under its hands. `restart`
/// is called before each attempt.
int weft_list(int bus, struct nlmsghdr *request, mnl_cb_t each, void (*restart)(void *), void *context);

/// Sends a prepared batch of messages and returns the first error in the answers, 0 if every message that asked for an
/// acknowledgement got a good one. `acknowledgements` is how many those are.
int weft_send_batch(int bus, const void *messages, size_t size, int acknowledgements);

/// The attributes of a message by number; NULL for those that are absent. Numbers beyond the table are passed over.
struct weft_attributes {
    const struct nlattr *found[64];
};
/// For mnl_attr_parse and mnl_attr_parse_nested, with a `struct weft_attributes`.
int weft_each_attribute(const struct nlattr *attribute, void *context);

/// An array of the caller that is being filled; `count` goes on where `capacity` ends.
struct weft_elements {
    void *elements;
    int capacity;
    int count;
};
/// The `restart` of such an array.
void weft_forget_elements(void *context);

static inline int weft_bytes_of(int family) { return family == 6 ? 16 : 4; }

#endif
