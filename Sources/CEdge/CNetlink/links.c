// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CNetlink.h"
#include "exchange.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

// linux/if.h clashes with other headers of the family in some distributions; these three bits are fixed ABI.
enum { LINK_UP = 0x1, LINK_LOOPBACK = 0x8 };
// linux/if_addr.h
enum { NO_DUPLICATE_DETECTION = 0x02 };

static int kernel_family(int family) { return family == 6 ? AF_INET6 : AF_INET; }

static int each_link(const struct nlmsghdr *header, void *context) {
    struct weft_elements *list = context;
    const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
    struct weft_attributes attributes = {0};
    mnl_attr_parse(header, sizeof *message, weft_each_attribute, &attributes);
    struct weft_link link = {.index = (uint32_t)message->ifi_index};
    if (message->ifi_flags & LINK_UP) link.flags |= WEFT_LINK_UP;
    if (message->ifi_flags & LINK_LOOPBACK) link.flags |= WEFT_LINK_LOOPBACK;
    if (attributes.found[IFLA_MASTER] != NULL) link.flags |= WEFT_LINK_ENSLAVED;
    const struct nlattr *name = attributes.found[IFLA_IFNAME];
    if (name == NULL) return MNL_CB_OK;
    strncpy(link.name, mnl_attr_get_str(name), sizeof link.name - 1);
    const struct nlattr *hardware = attributes.found[IFLA_ADDRESS];
    if (hardware != NULL && mnl_attr_get_payload_len(hardware) == sizeof link.hardware)
        memcpy(link.hardware, mnl_attr_get_payload(hardware), sizeof link.hardware);
    if (list->count < list->capacity) ((struct weft_link *)list->elements)[list->count] = link;
    list->count++;
    return MNL_CB_OK;
}

int weft_links(struct weft_link *links, int capacity) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETLINK;
    struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ifi_family = AF_UNSPEC;
    struct weft_elements list = {.elements = links, .capacity = capacity};
    int result = weft_list(NETLINK_ROUTE, header, each_link, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

static int each_address(const struct nlmsghdr *header, void *context) {
    struct weft_elements *list = context;
    const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
    if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6) return MNL_CB_OK;
    struct weft_attributes attributes = {0};
    mnl_attr_parse(header, sizeof *message, weft_each_attribute, &attributes);
    struct weft_link_address address = {.index = message->ifa_index, .prefix_length = message->ifa_prefixlen};
    address.family = message->ifa_family == AF_INET6 ? 6 : 4;
    uint32_t flags = message->ifa_flags;
    if (attributes.found[IFA_FLAGS] != NULL) flags = mnl_attr_get_u32(attributes.found[IFA_FLAGS]);
    if (flags & IFA_F_TENTATIVE) address.flags |= WEFT_ADDRESS_TENTATIVE;
    if (flags & IFA_F_DADFAILED) address.flags |= WEFT_ADDRESS_DUPLICATE;
    if (flags & IFA_F_OPTIMISTIC) address.flags |= WEFT_ADDRESS_OPTIMISTIC;
    // On a point-to-point interface IFA_ADDRESS is the other end; IFA_LOCAL is always ours where it is given.
    const struct nlattr *own = attributes.found[IFA_LOCAL] ? attributes.found[IFA_LOCAL] : attributes.found[IFA_ADDRESS];
    if (own == NULL || mnl_attr_get_payload_len(own) < weft_bytes_of(address.family)) return MNL_CB_OK;
    memcpy(address.bytes, mnl_attr_get_payload(own), (size_t)weft_bytes_of(address.family));
    if (list->count < list->capacity) ((struct weft_link_address *)list->elements)[list->count] = address;
    list->count++;
    return MNL_CB_OK;
}

int weft_link_addresses(struct weft_link_address *addresses, int capacity) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETADDR;
    struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ifa_family = AF_UNSPEC;
    struct weft_elements list = {.elements = addresses, .capacity = capacity};
    int result = weft_list(NETLINK_ROUTE, header, each_address, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

static void forget_default(void *context) { *(int *)context = 0; }

static int each_route(const struct nlmsghdr *header, void *context) {
    const struct rtmsg *message = mnl_nlmsg_get_payload(header);
    // Routes to all that are blackholes (Linux keeps an unreachable one for IPv6) lead nowhere.
    int leads_somewhere = message->rtm_type == RTN_UNICAST;
    if (message->rtm_dst_len == 0 && leads_somewhere && message->rtm_table != RT_TABLE_LOCAL) *(int *)context = 1;
    return MNL_CB_OK;
}

int weft_has_default_route(int family) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETROUTE;
    struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->rtm_family = (uint8_t)kernel_family(family);
    int found = 0;
    int result = weft_list(NETLINK_ROUTE, header, each_route, forget_default, &found);
    return result < 0 ? result : found;
}

static int one_route(const struct nlmsghdr *header, void *context) {
    struct weft_route *route = context;
    const struct rtmsg *message = mnl_nlmsg_get_payload(header);
    struct weft_attributes attributes = {0};
    mnl_attr_parse(header, sizeof *message, weft_each_attribute, &attributes);
    route->is_local = message->rtm_type == RTN_LOCAL;
    if (attributes.found[RTA_OIF] != NULL) route->interface = mnl_attr_get_u32(attributes.found[RTA_OIF]);
    // The kernel names the reason of a refusal here instead of failing the request.
    if (message->rtm_type == RTN_UNREACHABLE || message->rtm_type == RTN_BLACKHOLE || message->rtm_type == RTN_PROHIBIT)
        route->interface = 0;
    return MNL_CB_OK;
}

int weft_route(int family, const uint8_t *destination, struct weft_route *route) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST;
    struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->rtm_family = (uint8_t)kernel_family(family);
    message->rtm_dst_len = (uint8_t)(8 * weft_bytes_of(family));
    mnl_attr_put(header, RTA_DST, (size_t)weft_bytes_of(family), destination);
    memset(route, 0, sizeof *route);
    int result = weft_exchange(NETLINK_ROUTE, header, one_route, route);
    if (result < 0) return result;
    return route->interface == 0 ? -ENETUNREACH : 0;
}

static struct nlmsghdr *begin_change(void *buffer, int type, int flags) {
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = (uint16_t)type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    return header;
}

int weft_create_pair(const char *near, const uint8_t near_hardware[6], const char *far, const uint8_t far_hardware[6]) {
    char buffer[1024] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin_change(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ifi_flags = LINK_UP;
    message->ifi_change = LINK_UP;
    mnl_attr_put_strz(header, IFLA_IFNAME, near);
    mnl_attr_put(header, IFLA_ADDRESS, 6, near_hardware);
    struct nlattr *info = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(header, VETH_INFO_PEER);
    // Left down: an end cannot be brought up before it has the other one.
    mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(header, IFLA_IFNAME, far);
    mnl_attr_put(header, IFLA_ADDRESS, 6, far_hardware);
    mnl_attr_nest_end(header, peer);
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, info);
    return weft_exchange(NETLINK_ROUTE, header, NULL, NULL);
}

int weft_bring_up(uint32_t index) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin_change(buffer, RTM_NEWLINK, 0);
    struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ifi_index = (int)index;
    message->ifi_flags = LINK_UP;
    message->ifi_change = LINK_UP;
    return weft_exchange(NETLINK_ROUTE, header, NULL, NULL);
}

int weft_delete_link(uint32_t index) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin_change(buffer, RTM_DELLINK, 0);
    struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ifi_index = (int)index;
    return weft_exchange(NETLINK_ROUTE, header, NULL, NULL);
}

int weft_add_address(uint32_t index, int family, const uint8_t *local, const uint8_t *peer) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin_change(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    size_t size = (size_t)weft_bytes_of(family);
    message->ifa_family = (uint8_t)kernel_family(family);
    message->ifa_prefixlen = (uint8_t)(8 * size);
    message->ifa_flags = NO_DUPLICATE_DETECTION;
    message->ifa_index = index;
    mnl_attr_put(header, IFA_LOCAL, size, local);
    mnl_attr_put(header, IFA_ADDRESS, size, peer);
    return weft_exchange(NETLINK_ROUTE, header, NULL, NULL);
}

int weft_add_neighbour(uint32_t index, int family, const uint8_t *address, const uint8_t hardware[6]) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin_change(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    struct ndmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->ndm_family = (uint8_t)kernel_family(family);
    message->ndm_ifindex = (int)index;
    message->ndm_state = NUD_PERMANENT;
    mnl_attr_put(header, NDA_DST, (size_t)weft_bytes_of(family), address);
    mnl_attr_put(header, NDA_LLADDR, 6, hardware);
    return weft_exchange(NETLINK_ROUTE, header, NULL, NULL);
}
