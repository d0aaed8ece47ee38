// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CNetlink.h"
#include "exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

static uint8_t kernel_family(int family) {
    return family == 6 ? NFPROTO_IPV6 : family == 4 ? NFPROTO_IPV4 : NFPROTO_UNSPEC;
}

static uint8_t own_family(uint8_t family) { return family == NFPROTO_IPV6 ? 6 : family == NFPROTO_IPV4 ? 4 : 0; }

static struct nlmsghdr *begin(void *buffer, int type, int family) {
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    struct nfgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->nfgen_family = kernel_family(family);
    message->version = NFNETLINK_V0;
    return header;
}

static void copy_name(char *to, size_t size, const struct nlattr *name) {
    if (name != NULL) strncpy(to, mnl_attr_get_str(name), size - 1);
}

static uint32_t number(const struct nlattr *attribute) {
    return attribute == NULL ? 0 : ntohl(mnl_attr_get_u32(attribute));
}

static int each_table(const struct nlmsghdr *header, void *context) {
    struct weft_elements *list = context;
    const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
    struct weft_attributes attributes = {0};
    mnl_attr_parse(header, sizeof *message, weft_each_attribute, &attributes);
    if (list->count < list->capacity) {
        struct weft_nft_table *table = (struct weft_nft_table *)list->elements + list->count;
        memset(table, 0, sizeof *table);
        table->family = own_family(message->nfgen_family);
        table->is_inet = message->nfgen_family == NFPROTO_INET;
        table->use = number(attributes.found[NFTA_TABLE_USE]);
        copy_name(table->name, sizeof table->name, attributes.found[NFTA_TABLE_NAME]);
    }
    list->count++;
    return MNL_CB_OK;
}

int weft_nft_tables(struct weft_nft_table *tables, int capacity) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin(buffer, NFT_MSG_GETTABLE, 0);
    struct weft_elements list = {.elements = tables, .capacity = capacity};
    int result = weft_list(NETLINK_NETFILTER, header, each_table, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

static void take_hook(const struct nlattr *nest, struct weft_nft_chain *chain) {
    struct weft_attributes hook = {0};
    mnl_attr_parse_nested(nest, weft_each_attribute, &hook);
    chain->is_base = 1;
    chain->hook = (uint8_t)number(hook.found[NFTA_HOOK_HOOKNUM]);
    chain->priority = (int32_t)number(hook.found[NFTA_HOOK_PRIORITY]);
}

static int each_chain(const struct nlmsghdr *header, void *context) {
    struct weft_elements *list = context;
    const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
    struct weft_attributes attributes = {0};
    mnl_attr_parse(header, sizeof *message, weft_each_attribute, &attributes);
    if (list->count < list->capacity) {
        struct weft_nft_chain *chain = (struct weft_nft_chain *)list->elements + list->count;
        memset(chain, 0, sizeof *chain);
        chain->family = own_family(message->nfgen_family);
        chain->is_inet = message->nfgen_family == NFPROTO_INET;
        chain->use = number(attributes.found[NFTA_CHAIN_USE]);
        if (attributes.found[NFTA_CHAIN_HOOK] != NULL) take_hook(attributes.found[NFTA_CHAIN_HOOK], chain);
        copy_name(chain->table, sizeof chain->table, attributes.found[NFTA_CHAIN_TABLE]);
        copy_name(chain->name, sizeof chain->name, attributes.found[NFTA_CHAIN_NAME]);
    }
    list->count++;
    return MNL_CB_OK;
}

int weft_nft_chains(struct weft_nft_chain *chains, int capacity) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin(buffer, NFT_MSG_GETCHAIN, 0);
    struct weft_elements list = {.elements = chains, .capacity = capacity};
    int result = weft_list(NETLINK_NETFILTER, header, each_chain, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

static int each_rule(const struct nlmsghdr *header, void *context) {
    (void)header;
    ((struct weft_elements *)context)->count++;
    return MNL_CB_OK;
}

int weft_nft_rule_count(int family) {
    char buffer[512] __attribute__((aligned(8)));
    struct nlmsghdr *header = begin(buffer, NFT_MSG_GETRULE, family);
    struct weft_elements list = {.elements = NULL, .capacity = 0};
    int result = weft_list(NETLINK_NETFILTER, header, each_rule, weft_forget_elements, &list);
    return result < 0 ? result : list.count;
}

/// Changes to nf_tables travel in a batch; each batch takes effect whole or not at all.
static struct nlmsghdr *bracket(void *buffer, int type, unsigned sequence) {
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = (uint16_t)type;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = sequence;
    struct nfgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->nfgen_family = NFPROTO_UNSPEC;
    message->version = NFNETLINK_V0;
    message->res_id = htons(NFNL_SUBSYS_NFTABLES);
    return header;
}

/// NLM_F_NONREC refuses (EBUSY) to delete what is in use, so that nothing of anybody else's can go with it, even if it
/// came between our look and our deed.
static int delete(int type, int family, const char *table, const char *chain) {
    char buffer[2048] __attribute__((aligned(8)));
    char *end = buffer;
    end += bracket(end, NFNL_MSG_BATCH_BEGIN, 1)->nlmsg_len;
    struct nlmsghdr *header = begin(end, type, family);
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_NONREC;
    header->nlmsg_seq = 2;
    if (chain == NULL) {
        mnl_attr_put_strz(header, NFTA_TABLE_NAME, table);
    } else {
        mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, table);
        mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain);
    }
    end += header->nlmsg_len;
    end += bracket(end, NFNL_MSG_BATCH_END, 3)->nlmsg_len;
    return weft_send_batch(NETLINK_NETFILTER, buffer, (size_t)(end - buffer), 1);
}

int weft_nft_delete_chain(int family, const char *table, const char *chain) {
    return delete(NFT_MSG_DELCHAIN, family, table, chain);
}

int weft_nft_delete_table(int family, const char *table) { return delete(NFT_MSG_DELTABLE, family, table, NULL); }
