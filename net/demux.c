// SPDX-License-Identifier: MIT
// A hash table with linear probing over all connections of this core, TIME-WAIT included. A
// connection leaves it when lwIP frees it.
#include "net/demux.h"

#include "kernel/heap.h"
#include "kernel/random.h"
#include "net/half_open.h"
#include "net/orphan.h"
#include "net/tcp_acknowledge.h"

#include "lwip/priv/tcp_priv.h"

#define ENTRIES_MIN 64

_Static_assert(NET_EXT_ARGS == LWIP_TCP_PCB_NUM_EXT_ARGS, "net/lwipopts.h has room for them");

static char no_list; // the predecessor of one that is in none

struct entry {
    uint32_t hash;
    struct tcp_pcb *pcb; // NULL: free
};

static PERCORE struct {
    struct entry *entries;
    uint32_t mask; // entries - 1, a power of two less one
    uint32_t used;
    uint32_t missing;                   // for want of memory: only the lists know them
    uint64_t key;                       // nobody outside can choose what collides
    struct tcp_pcb *active, *time_wait; // what the last segment belongs to
} table;

static inline uint64_t mix(uint64_t hash, uint32_t high, uint32_t low)
{
    return (hash ^ ((uint64_t)high << 32 | low)) * 0x9e3779b97f4a7c15;
}

// Both ends, but for the network that this machine's address is in.
static uint32_t hash_of(const ip_addr_t *remote_address, u16_t remote_port,
                        const ip_addr_t *local_address, u16_t local_port)
{
    uint64_t hash = table.key ^ ((uint64_t)remote_port << 16 | local_port);
    if (__builtin_expect(IP_IS_V6(remote_address), 0)) {
        const u32_t *remote = ip_2_ip6(remote_address)->addr;
        hash = mix(hash, remote[0], remote[1]);
        hash = mix(hash ^ hash >> 32, remote[2], ip_2_ip6(local_address)->addr[2]);
        hash = mix(hash ^ hash >> 32, remote[3], ip_2_ip6(local_address)->addr[3]);
    } else {
        hash = mix(hash, ip_2_ip4(remote_address)->addr, ip_2_ip4(local_address)->addr);
    }
    return (uint32_t)(hash >> 32) ^ (uint32_t)hash;
}

static void insert(struct entry *entries, uint32_t mask, struct entry entry)
{
    uint32_t at = entry.hash & mask;
    while (entries[at].pcb != NULL)
        at = (at + 1) & mask;
    entries[at] = entry;
}

// Returns: false without memory, and the table is as it was.
static bool grow(void)
{
    uint32_t count = table.entries == NULL ? ENTRIES_MIN : 2 * (table.mask + 1);
    struct entry *entries = heap_alloc_zeroed(count * sizeof(*entries));
    if (entries == NULL)
        return false;
    if (table.entries == NULL)
        random_bytes(&table.key, sizeof(table.key));
    else
        for (uint32_t i = 0; i <= table.mask; i++)
            if (table.entries[i].pcb != NULL)
                insert(entries, count - 1, table.entries[i]);
    heap_free(table.entries);
    table.entries = entries;
    table.mask = count - 1;
    return true;
}

static void remove_at(uint32_t at)
{
    // Those behind it that were pushed on by it move up.
    for (uint32_t next = (at + 1) & table.mask; table.entries[next].pcb != NULL;
         next = (next + 1) & table.mask) {
        uint32_t distance = (next - table.entries[next].hash) & table.mask;
        if (distance >= ((next - at) & table.mask)) {
            table.entries[at] = table.entries[next];
            at = next;
        }
    }
    table.entries[at].pcb = NULL;
    table.used--;
}

// ---- lists --------------------------------------------------------------------------------------

// lwIP's lists are singly linked. With each connection's predecessor known it is taken out without
// a walk; who unlinks one by itself (the slow timer) frees it at once, and then destroyed() is
// told.

static void set_previous(struct tcp_pcb *pcb, void *previous)
{
    tcp_ext_arg_set(pcb, NET_EXT_ARG_PREVIOUS, previous);
}

static void list_add(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    if (*list != NULL)
        set_previous(*list, pcb);
    set_previous(pcb, NULL);
    TCP_REG(list, pcb);
}

static void list_remove(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    struct tcp_pcb *previous = tcp_ext_arg_get(pcb, NET_EXT_ARG_PREVIOUS);
    if (previous != NULL)
        previous->next = pcb->next;
    else
        *list = pcb->next;
    if (pcb->next != NULL)
        set_previous(pcb->next, previous);
    pcb->next = NULL;
    set_previous(pcb, &no_list);
}

void net_demux_unlink(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    if (list != &tcp_active_pcbs && list != &tcp_tw_pcbs) {
        TCP_RMV(list, pcb);
        return;
    }
    list_remove(list, pcb);
    if (list == &tcp_active_pcbs) {
        tcp_active_pcbs_changed = 1;
        net_orphan_left(pcb);
    }
}

// lwIP is about to free a connection, of which it has forgotten the port already.
static void destroyed(u8_t id, void *data)
{
    (void)id;
    struct tcp_pcb *pcb = data;
    net_half_open_remove(pcb);
    net_acknowledge_forget(pcb);
    void *previous = tcp_ext_arg_get(pcb, NET_EXT_ARG_PREVIOUS);
    if (previous != &no_list && pcb->state != TIME_WAIT)
        net_orphan_left(pcb);
    if (previous != &no_list && pcb->next != NULL)
        set_previous(pcb->next, previous);
    uint32_t at = (uint32_t)(uintptr_t)tcp_ext_arg_get(pcb, NET_EXT_ARG_HASH) & table.mask;
    while (table.entries != NULL && table.entries[at].pcb != pcb) {
        if (table.entries[at].pcb == NULL)
            break;
        at = (at + 1) & table.mask;
    }
    if (table.entries == NULL || table.entries[at].pcb == NULL)
        table.missing--;
    else
        remove_at(at);
}

static const struct tcp_ext_arg_callbacks callbacks = {destroyed, NULL};

void net_demux_add(struct tcp_pcb *pcb)
{
    tcp_ext_arg_set_callbacks(pcb, NET_EXT_ARG_PCB, &callbacks);
    tcp_ext_arg_set(pcb, NET_EXT_ARG_PCB, pcb);
    list_add(&tcp_active_pcbs, pcb);
    tcp_active_pcbs_changed = 1;
    if (pcb->state == SYN_RCVD)
        net_half_open_add(pcb);
    // Three quarters full at most. Without memory to grow a few entries stay free, for each probe
    // ends at one.
    bool is_full = table.entries == NULL || table.used >= table.mask - table.mask / 4;
    if (is_full && !grow() && (table.entries == NULL || table.used + 1 >= table.mask)) {
        table.missing++;
        return;
    }
    struct entry entry = {
        hash_of(&pcb->remote_ip, pcb->remote_port, &pcb->local_ip, pcb->local_port), pcb};
    insert(table.entries, table.mask, entry);
    table.used++;
    tcp_ext_arg_set(pcb, NET_EXT_ARG_HASH, (void *)(uintptr_t)entry.hash);
}

void net_demux_to_time_wait(struct tcp_pcb *pcb)
{
    list_add(&tcp_tw_pcbs, pcb);
    pcb->tmr = tcp_ticks; // lwIP counts from what it last heard before this side was closed
}

void net_demux_retire(struct tcp_pcb *pcb)
{
    net_demux_unlink(&tcp_active_pcbs, pcb);
}

void net_demux_drop(struct tcp_pcb *pcb)
{
    tcp_pcb_remove(&tcp_active_pcbs, pcb);
}

// ---- looking up ---------------------------------------------------------------------------------

static bool is_between(const struct tcp_pcb *pcb, const ip_addr_t *remote_address,
                       u16_t remote_port, const ip_addr_t *local_address, u16_t local_port)
{
    return pcb->remote_port == remote_port && pcb->local_port == local_port &&
           ip_addr_cmp(&pcb->remote_ip, remote_address) &&
           ip_addr_cmp(&pcb->local_ip, local_address);
}

// Those that had no memory to get into the table are in the lists alone.
static COLD __attribute__((noinline)) struct tcp_pcb *walk(struct tcp_pcb *pcb,
                                                           const ip_addr_t *remote_address,
                                                           u16_t remote_port,
                                                           const ip_addr_t *local_address,
                                                           u16_t local_port)
{
    while (pcb != NULL && !is_between(pcb, remote_address, remote_port, local_address, local_port))
        pcb = pcb->next;
    return pcb;
}

struct tcp_pcb **net_demux_active(const ip_addr_t *remote_address, u16_t remote_port,
                                  const ip_addr_t *local_address, u16_t local_port)
{
    table.active = table.time_wait = NULL;
    if (table.entries != NULL) {
        uint32_t hash = hash_of(remote_address, remote_port, local_address, local_port);
        for (uint32_t at = hash & table.mask; table.entries[at].pcb != NULL;
             at = (at + 1) & table.mask) {
            struct tcp_pcb *pcb = table.entries[at].pcb;
            if (table.entries[at].hash != hash ||
                !is_between(pcb, remote_address, remote_port, local_address, local_port))
                continue;
            if (pcb->state != TIME_WAIT) {
                table.active = pcb;
                return &table.active;
            }
            table.time_wait = pcb; // a new one between the same ends may be active
        }
    }
    if (__builtin_expect(table.missing != 0, 0)) {
        table.active =
            walk(tcp_active_pcbs, remote_address, remote_port, local_address, local_port);
        if (table.time_wait == NULL)
            table.time_wait =
                walk(tcp_tw_pcbs, remote_address, remote_port, local_address, local_port);
    }
    return &table.active;
}

// A client that comes again from the same port before the old connection is forgotten opens a new
// one with sequence numbers beyond the old ones. Spec: RFC 1122, 4.2.2.13; RFC 9293, 3.10.7.4.
struct tcp_pcb **net_demux_time_wait(u8_t flags, u32_t sequence)
{
    struct tcp_pcb *old = table.time_wait;
    if (old != NULL && (flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
        TCP_SEQ_GT(sequence, old->rcv_nxt)) {
        tcp_pcb_remove(&tcp_tw_pcbs, old);
        tcp_free(old);
        table.time_wait = NULL;
    }
    return &table.time_wait;
}
