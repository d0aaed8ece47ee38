// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "exchange.h"

#include <errno.h>
#include <sys/socket.h>

/// A list that changes faster than it can be read is given up after this many attempts.
enum { LIST_ATTEMPTS = 10 };

int weft_each_attribute(const struct nlattr *attribute, void *context) {
    struct weft_attributes *attributes = context;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type < sizeof attributes->found / sizeof attributes->found[0]) attributes->found[type] = attribute;
    return MNL_CB_OK;
}

void weft_forget_elements(void *context) { ((struct weft_elements *)context)->count = 0; }

static struct mnl_socket *open_socket(int bus, int *error) {
    struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (socket == NULL) {
        *error = -errno;
        return NULL;
    }
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        *error = -errno;
        mnl_socket_close(socket);
        return NULL;
    }
    return socket;
}

static int converse(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t each, void *context) {
    static _Thread_local unsigned sequence = 1;
    request->nlmsg_seq = ++sequence;
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return -errno;
    char answer[WEFT_MESSAGE_SIZE] __attribute__((aligned(8)));
    unsigned port = mnl_socket_get_portid(socket);
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(socket, answer, sizeof answer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return -errno;
        int result = mnl_cb_run(answer, (size_t)size, request->nlmsg_seq, port, each, context);
        if (result < 0) return -errno;
        if (result == MNL_CB_STOP) return 0;
        // A single answer that is not part of a list is followed by nothing unless an acknowledgement was asked for.
        int is_list = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        if (!is_list && (request->nlmsg_flags & NLM_F_ACK) == 0) return 0;
    }
}

int weft_exchange(int bus, struct nlmsghdr *request, mnl_cb_t each, void *context) {
    int result = 0;
    struct mnl_socket *socket = open_socket(bus, &result);
    if (socket == NULL) return result;
    result = converse(socket, request, each, context);
    mnl_socket_close(socket);
    return result;
}

int weft_list(int bus, struct nlmsghdr *request, mnl_cb_t each, void (*restart)(void *), void *context) {
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    int result = -EINTR;
    // EINTR is how libmnl reports NLM_F_DUMP_INTR: the list is not consistent.
    for (int attempt = 0; attempt < LIST_ATTEMPTS && result == -EINTR; attempt++) {
        restart(context);
        result = weft_exchange(bus, request, each, context);
    }
    return result;
}

int weft_send_batch(int bus, const void *messages, size_t size, int acknowledgements) {
    int result = 0;
    struct mnl_socket *socket = open_socket(bus, &result);
    if (socket == NULL) return result;
    if (mnl_socket_sendto(socket, messages, size) < 0) result = -errno;
    char answer[WEFT_MESSAGE_SIZE] __attribute__((aligned(8)));
    while (result == 0 && acknowledgements > 0) {
        ssize_t received = mnl_socket_recvfrom(socket, answer, sizeof answer);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) {
            result = -errno;
            break;
        }
        int left = (int)received;
        const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)answer;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_type != NLMSG_ERROR) continue;
            const struct nlmsgerr *verdict = mnl_nlmsg_get_payload(message);
            acknowledgements--;
            if (verdict->error != 0) {
                result = verdict->error;
                break;
            }
        }
    }
    mnl_socket_close(socket);
    return result;
}
