// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CNetlink.h"
#include "exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

enum { TCP_PROTOCOL = 6 };

static void take_socket(const struct inet_diag_msg *message, struct weft_tcp_socket *socket) {
    memset(socket, 0, sizeof *socket);
    socket->family = message->idiag_family == AF_INET6 ? 6 : 4;
    socket->state = message->idiag_state;
    socket->local_port = ntohs(message->id.idiag_sport);
    socket->remote_port = ntohs(message->id.idiag_dport);
    memcpy(socket->local, message->id.idiag_src, (size_t)weft_bytes_of(socket->family));
    memcpy(socket->remote, message->id.idiag_dst, (size_t)weft_bytes_of(socket->family));
    socket->interface = message->id.idiag_if;
    socket->user = message->idiag_uid;
    socket->inode = message->idiag_inode;
    memcpy(socket->cookie, message->id.idiag_cookie, sizeof socket->cookie);
}

static int each_socket(const struct nlmsghdr *header, void *context) {
    struct weft_elements *list = context;
    if (mnl_nlmsg_get_payload_len(header) < sizeof(struct inet_diag_msg)) return MNL_CB_OK;
    struct weft_tcp_socket *sockets = list->elements;
    if (list->count < list->capacity) take_socket(mnl_nlmsg_get_payload(header), &sockets[list->count]);
    list->count++;
    return MNL_CB_OK;
}

static struct inet_diag_req_v2 *begin(void *buffer, struct nlmsghdr **header, int type, int family) {
    *header = mnl_nlmsg_put_header(buffer);
    (*header)->nlmsg_type = (uint16_t)type;
    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(*header, sizeof *request);
    request->sdiag_family = family == 6 ? AF_INET6 : AF_INET;
    request->sdiag_protocol = TCP_PROTOCOL;
    return request;
}

static void name_ends(struct inet_diag_req_v2 *request, const struct weft_tcp_socket *socket) {
    request->id.idiag_sport = htons(socket->local_port);
    request->id.idiag_dport = htons(socket->remote_port);
    memcpy(request->id.idiag_src, socket->local, (size_t)weft_bytes_of(socket->family));
    memcpy(request->id.idiag_dst, socket->remote, (size_t)weft_bytes_of(socket->family));
    request->id.idiag_if = socket->interface;
}

int weft_tcp_sockets(int family, struct weft_tcp_socket *sockets, int capacity) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header;
    begin(buffer, &header, SOCK_DIAG_BY_FAMILY, family)->idiag_states = 0xffffffff;
    struct weft_elements list = {.elements = sockets, .capacity = capacity, .count = 0};
    int result = weft_list(NETLINK_SOCK_DIAG, header, each_socket, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

static int one_socket(const struct nlmsghdr *header, void *context) {
    if (mnl_nlmsg_get_payload_len(header) < sizeof(struct inet_diag_msg)) return MNL_CB_OK;
    take_socket(mnl_nlmsg_get_payload(header), context);
    return MNL_CB_OK;
}

int weft_tcp_find(struct weft_tcp_socket *socket) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header;
    struct inet_diag_req_v2 *request = begin(buffer, &header, SOCK_DIAG_BY_FAMILY, socket->family);
    header->nlmsg_flags = NLM_F_REQUEST;
    request->idiag_states = 0xffffffff;
    name_ends(request, socket);
    request->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    struct weft_tcp_socket found = {.state = 0};
    int result = weft_exchange(NETLINK_SOCK_DIAG, header, one_socket, &found);
    if (result < 0) return result;
    // Where no connection has these ends the kernel answers with the listener that would take it.
    if (found.state == 0 || found.state == WEFT_TCP_LISTEN || found.remote_port != socket->remote_port) return -ENOENT;
    *socket = found;
    return 0;
}

int weft_tcp_destroy(const struct weft_tcp_socket *socket) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header;
    struct inet_diag_req_v2 *request = begin(buffer, &header, SOCK_DESTROY, socket->family);
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request->idiag_states = 0xffffffff;
    name_ends(request, socket);
    // The cookie makes sure that it is still the same socket.
    memcpy(request->id.idiag_cookie, socket->cookie, sizeof socket->cookie);
    return weft_exchange(NETLINK_SOCK_DIAG, header, NULL, NULL);
}
