// SPDX-License-Identifier: MIT
#include "net/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/pci.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/counters.h"
#include "net/dns_servers.h"
#include "net/ip4.h"
#include "net/ip6.h"
#include "net/neighbour.h"
#include "net/net_core.h"
#include "net/netif.h"
#include "net/packet_trace.h"
#include "net/route.h"
#include "net/sntp.h"
#include "net/spread.h"
#include "net/tables.h"
#include "net/tcp_timestamps.h"
#include "net/timers.h"
#include "net/vlan.h"

#include "lwip/dns.h"
#include "lwip/init.h"

OPTION_TEXT(hostname, "the machine's name, for DHCP and the app");

#define HOSTNAME_DEFAULT   "toril"
#define HOSTNAME_MAX_BYTES 63 // one label, RFC 1035 section 2.3.4
#define PCI_CLASS_NETWORK  2

struct waiter { // on the stack of the thread that waits
    struct thread *thread;
    struct waiter *next;
};

static PERCORE struct {
    bool is_on; // there is a network
    struct poller poller;
    struct waiter *waiters;
    char hostname[HOSTNAME_MAX_BYTES + 1];
} state;

// ---- without a device ---------------------------------------------------------------------------

static void report_no_device(void)
{
    unsigned cards = 0;
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci->next) {
        if (pci->class_code != PCI_CLASS_NETWORK)
            continue;
        char name[PCI_NAME_BYTES];
        cards++;
        if (pci->driver == NULL)
            log_warn("net: network card %04x:%04x at %s: there is no driver for it", pci->vendor_id,
                     pci->device_id, pci_name(pci, name));
        else
            log_warn("net: network card %04x:%04x at %s: driver %s could not start it",
                     pci->vendor_id, pci->device_id, pci_name(pci, name), pci->driver);
    }
    if (cards == 0)
        log_warn("net: no network: there is no network card on the PCI bus");
    else
        log_warn("net: no network: none of %u network card%s is usable; supported are virtio-net "
                 "(1af4:1000, 1af4:1041) and Intel 82540EM (8086:100e) and 82574L (8086:10d3)",
                 cards, cards == 1 ? "" : "s");
}

// ---- addresses ----------------------------------------------------------------------------------

static bool has_address(void)
{
    for (unsigned card = 0; card < net_card_count; card++)
        if (!ip4_addr_isany_val(*netif_ip4_addr(&net_interface(card)->netif)))
            return true;
    return net_ip6_address() != NULL;
}

static void wake_waiters(void)
{
    while (state.waiters != NULL) {
        struct waiter *waiter = state.waiters;
        state.waiters = waiter->next;
        thread_wake(waiter->thread);
        waiter->thread = NULL;
    }
}

// lwIP's word that the interface's state changed, one of its addresses perhaps.
static void status_changed(struct netif *netif)
{
    net_neighbour_forget();
    net_route_changed();
    net_dns_arrange();
    net_spread_config();
    net_ip6_tell_changes(netif);
    net_ip4_tell_changes(netif);
    if (has_address())
        wake_waiters();
}

// ---- start --------------------------------------------------------------------------------------

static bool is_hostname(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > HOSTNAME_MAX_BYTES || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

static void set_hostname(void)
{
    const char *hostname = option_get("hostname");
    if (hostname != NULL && !is_hostname(hostname)) {
        log_warn("net: option hostname=%s: expected 1 to %d letters, digits and inner hyphens; "
                 "%s is used",
                 hostname, HOSTNAME_MAX_BYTES, HOSTNAME_DEFAULT);
        hostname = NULL;
    }
    snprintf(state.hostname, sizeof(state.hostname), "%s",
             hostname != NULL ? hostname : HOSTNAME_DEFAULT);
}

const char *net_hostname(void)
{
    if (state.hostname[0] == '\0') // without a card nobody needed it yet
        set_hostname();
    return state.hostname;
}

static bool poll(void *context)
{
    (void)context;
    return net_netif_poll();
}

static bool arm(void *context)
{
    (void)context;
    return net_netif_arm();
}

// Before the first card.
static void start_stack(void)
{
    ASSERT(!state.is_on);
    state.is_on = net_core_has_stack = true;
    lwip_init();
    set_hostname();
    state.poller = (struct poller){.name = "net", .poll = poll, .arm = arm};
    scheduler_add_poller(&state.poller);
}

static struct netif *start_card(struct net_device *device)
{
    struct netif *netif = net_netif_start(device);
    net_packet_trace_start(device, netif);
    netif_set_hostname(netif, state.hostname);
    netif_set_up(netif);
    return netif;
}

void net_core_join(struct net_device *const *devices, unsigned count)
{
    start_stack();
    for (unsigned card = 0; card < count; card++)
        net_ip6_join(start_card(devices[card]));
    net_timers_start();
}

void net_core_config(unsigned card, struct net_config *out)
{
    const struct netif *netif = &net_interface(card)->netif;
    out->card = card;
    out->address = *netif_ip4_addr(netif);
    out->netmask = *netif_ip4_netmask(netif);
    out->gateway = *netif_ip4_gw(netif);
    out->mtu = netif->mtu;
    for (unsigned i = 0; i < DNS_MAX_SERVERS; i++)
        out->dns[i] = *dns_getserver((u8_t)i);
    net_ip6_config(card, &out->ip6);
}

void net_core_configure(const struct net_config *config)
{
    for (unsigned i = 0; i < DNS_MAX_SERVERS; i++)
        dns_setserver((u8_t)i, &config->dns[i]);
    net_interface(config->card)->netif.mtu = config->mtu;
    net_ip6_configure(config->card, &config->ip6);
    netif_set_addr(&net_interface(config->card)->netif, &config->address, &config->netmask,
                   &config->gateway);
    net_neighbour_forget();
    net_route_changed();
    if (has_address())
        wake_waiters();
}

// Numbers the cards. Returns: how many are used.
static unsigned number_cards(void)
{
    unsigned count = 0;
    for (struct net_device *first = net_device_first(); first != NULL; first = first->next) {
        if (count == NET_CARDS_MAX) {
            log_warn("net: %s is not used: there are more than %d cards", first->name,
                     NET_CARDS_MAX);
            continue;
        }
        first->card = count;
        for (unsigned i = 0; i < first->of_card_count; i++)
            first->of_card[i]->card = count;
        count++;
    }
    options_name_missing_cards(count);
    return count;
}

void net_start(void)
{
    struct net_device *device = net_device_first();
    if (device == NULL) {
        report_no_device();
        return;
    }
    unsigned count = number_cards();
    net_timestamps_start();
    start_stack();
    for (unsigned card = 0; card < count; card++, device = device->next) {
        start_card(device);
        net_vlan_start(device);
        if (!device->link_up)
            log_warn("net: %s: the link is down", device->name);
    }
    net_counters_start();
    net_tables_start();
    for (unsigned card = 0; card < count; card++) {
        struct netif *netif = &net_interface(card)->netif;
        netif_set_status_callback(netif, status_changed);
        net_ip4_start(netif);
        net_ip6_start(netif);
    }
    net_sntp_start();
    net_timers_start();
}

// ---- questions ----------------------------------------------------------------------------------

static void forget_waiter(struct waiter *waiter)
{
    struct waiter **at = &state.waiters;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

int net_wait_ready(uint64_t deadline_ns)
{
    if (!state.is_on)
        return -ENODEV;
    while (!has_address()) {
        struct waiter waiter = {thread_self(), state.waiters};
        state.waiters = &waiter;
        bool woken = thread_wait_until(deadline_ns);
        if (waiter.thread != NULL) // not by wake_waiters()
            forget_waiter(&waiter);
        if (!woken && !has_address())
            return -ETIMEDOUT;
    }
    return 0;
}
