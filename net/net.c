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
#include "net/address6.h"
#include "net/counters.h"
#include "net/dhcp_mtu.h"
#include "net/dns_servers.h"
#include "net/ip6.h"
#include "net/neighbour.h"
#include "net/net_core.h"
#include "net/netif.h"
#include "net/ntp_servers.h"
#include "net/packet_trace.h"
#include "net/relay.h"
#include "net/sntp.h"
#include "net/spread.h"
#include "net/tables.h"
#include "net/timers.h"
#include "net/vlan.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"

OPTION_TEXT(hostname, "the machine's name, for DHCP and the app");
OPTION_TEXT(ip, "ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS], or dhcp");

// The first word about a missing lease, then twice as long each time, up to this.
#define LEASE_PATIENCE_FIRST_S 10
#define LEASE_PATIENCE_MAX_S   640
#define HOSTNAME_DEFAULT       "toril"
#define HOSTNAME_MAX_BYTES     63 // one label, RFC 1035 section 2.3.4
#define PCI_CLASS_NETWORK      2
#define LEASE_TEXT_BYTES       (2 * NET_ADDRESS_TEXT_BYTES + 8)

struct waiter { // on the stack of the thread that waits
    struct thread *thread;
    struct waiter *next;
};

static PERCORE struct {
    struct net_device *device; // NULL: there is no network
    struct netif *netif;
    struct poller poller;
    bool by_dhcp;                         // core 0's
    ip4_addr_t address, netmask, gateway; // as last told
    struct timer patience;
    uint64_t asking_since_ns;
    uint32_t patience_s;
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

static bool has_ip4_address(void)
{
    return !ip4_addr_isany_val(*netif_ip4_addr(state.netif));
}

static bool has_address(void)
{
    return has_ip4_address() || net_ip6_address() != NULL;
}

unsigned net_core_prefix_bits(void)
{
    uint32_t mask = lwip_ntohl(netif_ip4_netmask(state.netif)->addr);
    return mask == UINT32_MAX ? 32 : (unsigned)__builtin_clz(~mask);
}

static void address_text(char text[NET_ADDRESS_TEXT_BYTES], const ip4_addr_t *address)
{
    ip4addr_ntoa_r(address, text, NET_ADDRESS_TEXT_BYTES);
}

// What else a lease says: ", MTU 1400, NTP 10.0.2.4", or "".
static void lease_text(char text[LEASE_TEXT_BYTES])
{
    char server[NET_ADDRESS_TEXT_BYTES];
    ip_addr_t time_server;
    uint16_t mtu = state.by_dhcp ? net_dhcp_mtu() : 0;
    int used = mtu != 0 ? snprintf(text, LEASE_TEXT_BYTES, ", MTU %u", mtu) : 0;
    text[used] = '\0';
    if (!state.by_dhcp || !net_ntp_server(&time_server))
        return;
    address_text(server, ip_2_ip4(&time_server));
    snprintf(text + used, (size_t)(LEASE_TEXT_BYTES - used), ", NTP %s", server);
}

static void log_address(void)
{
    char address[NET_ADDRESS_TEXT_BYTES], gateway[NET_ADDRESS_TEXT_BYTES];
    char servers[NET_DNS_TEXT_BYTES], lease[LEASE_TEXT_BYTES];
    lease_text(lease);
    address_text(address, netif_ip4_addr(state.netif));
    address_text(gateway, netif_ip4_gw(state.netif));
    net_dns_text(servers, IPADDR_TYPE_V4);
    bool has_gateway = !ip4_addr_isany_val(*netif_ip4_gw(state.netif));
    const uint8_t *mac = state.device->mac;
    log_info("net: %s/%u by %s, %s%s, %s%s%s, %s %02x:%02x:%02x:%02x:%02x:%02x", address,
             net_core_prefix_bits(), state.by_dhcp ? "DHCP" : "option ip",
             has_gateway ? "gateway " : "no gateway", has_gateway ? gateway : "",
             servers[0] != '\0' ? "DNS " : "no DNS", servers, lease, state.device->name, mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void ask_patiently(uint64_t now_ns)
{
    state.asking_since_ns = now_ns;
    state.patience_s = LEASE_PATIENCE_FIRST_S;
    timer_start(&state.patience, now_ns + state.patience_s * NS_PER_S);
}

static void patience_expired(struct timer *timer)
{
    uint64_t now_ns = time_now_ns();
    log_warn("net: no DHCP lease after %u s%s: still trying; a static address is option "
             "ip=ADDRESS/PREFIX",
             (unsigned)((now_ns - state.asking_since_ns) / NS_PER_S),
             state.device->link_up ? "" : ", the link is down");
    if (state.patience_s < LEASE_PATIENCE_MAX_S)
        state.patience_s *= 2;
    timer_start(timer, now_ns + state.patience_s * NS_PER_S);
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

static void ip4_changed(struct netif *netif)
{
    bool had = !ip4_addr_isany_val(state.address);
    state.address = *netif_ip4_addr(netif);
    state.netmask = *netif_ip4_netmask(netif);
    state.gateway = *netif_ip4_gw(netif);
    if (has_ip4_address()) {
        timer_stop(&state.patience);
        log_address();
        // The gateway's hardware address is asked for now, so that the first answer need not wait.
        if (netif_is_link_up(netif) && !ip4_addr_isany_val(*netif_ip4_gw(netif)))
            etharp_query(netif, netif_ip4_gw(netif), NULL);
    } else if (had) {
        log_warn("net: the DHCP lease ended: asking for an address again");
        ask_patiently(time_now_ns());
    }
}

// lwIP's word that the interface's state changed, one of its addresses perhaps.
static void status_changed(struct netif *netif)
{
    net_neighbour_forget();
    net_dns_arrange();
    net_spread_config();
    net_ip6_tell_changes();
    if (!ip4_addr_cmp(&state.address, netif_ip4_addr(netif)) ||
        !ip4_addr_cmp(&state.netmask, netif_ip4_netmask(netif)) ||
        !ip4_addr_cmp(&state.gateway, netif_ip4_gw(netif)))
        ip4_changed(netif);
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
    netif_set_hostname(state.netif, state.hostname);
}

static void use_static_address(const struct net_static_address *given)
{
    ip4_addr_t address = {lwip_htonl(given->address)};
    ip4_addr_t netmask = {lwip_htonl(net_netmask(given->prefix_bits))};
    ip4_addr_t gateway = {lwip_htonl(given->gateway)};
    for (unsigned i = 0; i < NET_DNS_MAX; i++) {
        ip_addr_t server = IPADDR4_INIT(lwip_htonl(given->dns[i]));
        dns_setserver((u8_t)i, &server);
    }
    netif_set_addr(state.netif, &address, &netmask, &gateway);
}

// Returns: true if option `ip` names an address, in *out.
static bool static_address_given(struct net_static_address *out)
{
    const char *text = option_get("ip");
    if (text == NULL || strcmp(text, "dhcp") == 0)
        return false;
    const char *wrong = net_static_address_parse(text, out);
    if (wrong == NULL)
        return true;
    log_warn("net: option ip=%s: %s; expected " NET_ADDRESS_SYNTAX "; DHCP is used", text, wrong);
    return false;
}

static void configure(void)
{
    struct net_static_address given;
    state.by_dhcp = !static_address_given(&given);
    netif_set_status_callback(state.netif, status_changed);
    if (!state.by_dhcp) {
        use_static_address(&given);
        return;
    }
    ask_patiently(time_now_ns());
    if (dhcp_start(state.netif) != ERR_OK)
        panic("net: dhcp_start: no memory for the DHCP client");
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

static void start_stack(struct net_device *device)
{
    ASSERT(state.device == NULL);
    net_core_has_stack = true;
    lwip_init();
    state.device = device;
    state.netif = net_netif_start(device);
    net_packet_trace_start(device, state.netif);
    state.patience.expired = patience_expired;
    set_hostname();
    netif_set_up(state.netif);
    state.poller = (struct poller){.name = "net", .poll = poll, .arm = arm};
    scheduler_add_poller(&state.poller);
}

void net_core_join(struct net_device *device)
{
    start_stack(device);
    net_ip6_join(state.netif);
    net_timers_start();
}

void net_core_config(struct net_config *out)
{
    out->address = *netif_ip4_addr(state.netif);
    out->netmask = *netif_ip4_netmask(state.netif);
    out->gateway = *netif_ip4_gw(state.netif);
    out->mtu = state.netif->mtu;
    for (unsigned i = 0; i < DNS_MAX_SERVERS; i++)
        out->dns[i] = *dns_getserver((u8_t)i);
    net_ip6_config(&out->ip6);
}

bool net_core_by_dhcp(void)
{
    return ((const typeof(state) *)core_local_of(0, &state))->by_dhcp;
}

void net_core_configure(const struct net_config *config)
{
    for (unsigned i = 0; i < DNS_MAX_SERVERS; i++)
        dns_setserver((u8_t)i, &config->dns[i]);
    state.netif->mtu = config->mtu;
    net_ip6_configure(&config->ip6);
    netif_set_addr(state.netif, &config->address, &config->netmask, &config->gateway);
    net_neighbour_forget();
    if (has_address())
        wake_waiters();
}

void net_start(void)
{
    struct net_device *device = net_device_first();
    if (device == NULL) {
        report_no_device();
        return;
    }
    start_stack(device);
    net_counters_start();
    net_tables_start();
    if (!device->link_up)
        log_warn("net: %s: the link is down", device->name);
    net_vlan_start(device);
    configure();
    net_ip6_start(state.netif);
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
    if (state.device == NULL)
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

static void add_device_counters(struct net_device_stats *sum, const struct net_device_stats *of)
{
    sum->rx_frames += of->rx_frames;
    sum->rx_bytes += of->rx_bytes;
    sum->rx_dropped += of->rx_dropped;
    sum->rx_errors += of->rx_errors;
    sum->tx_frames += of->tx_frames;
    sum->tx_bytes += of->tx_bytes;
    sum->tx_dropped += of->tx_dropped;
    sum->interrupts += of->interrupts;
    sum->notifications += of->notifications;
    sum->lost_interrupts += of->lost_interrupts;
}

static void add_protocol_counters(struct net_facts *out, const struct stats_ *of)
{
    out->tcp_received += of->tcp.recv;
    out->tcp_sent += of->tcp.xmit;
    out->udp_received += of->udp.recv;
    out->udp_sent += of->udp.xmit;
    out->icmp_received += of->icmp.recv + of->icmp6.recv;
    out->icmp_sent += of->icmp.xmit + of->icmp6.xmit;
    const struct stats_proto *layers[] = {&of->link,  &of->etharp, &of->ip,  &of->ip_frag,
                                          &of->icmp,  &of->ip6,    &of->nd6, &of->ip6_frag,
                                          &of->icmp6, &of->udp,    &of->tcp};
    for (size_t i = 0; i < ARRAY_COUNT(layers); i++) {
        out->checksum_errors += layers[i]->chkerr;
        out->length_errors += layers[i]->lenerr;
        out->protocol_errors += layers[i]->proterr;
        out->memory_errors += layers[i]->memerr;
    }
}

// What another core counts is read while it counts: a moment old at most.
static void add_counters_of(unsigned core, struct net_facts *out)
{
    const typeof(state) *of = core_local_of(core, &state);
    if (of == NULL || of->device == NULL)
        return;
    out->cores++;
    struct net_netif_stats stats = net_netif_stats_of(core);
    // A core without queues counts what it sent through another, which counts it too.
    if (of->device->of_card != NULL || core == state.device->core)
        add_device_counters(&out->frames, &of->device->stats);
    out->rx_copied += stats.rx_copied;
    out->rx_dropped += stats.rx_dropped;
    out->tx_coalesced += stats.tx_coalesced;
    out->tx_queue_full += stats.tx_queue_full;
    out->tx_failed += stats.tx_failed;
    out->rx_buffers_held += stats.rx_held;
    out->tx_buffers_held += stats.tx_held;
    struct net_relay_stats relay = net_relay_stats_of(core);
    out->relayed += relay.rx_given + relay.tx_given;
    out->told_to_all += relay.told_to_all;
    struct net_tcp_counts tcp = core == core_index() ? net_tcp_count() : net_tcp_counts_of(core);
    out->tcp_connections += tcp.connections;
    out->tcp_time_wait += tcp.time_wait;
    add_protocol_counters(out, core_local_of(core, &lwip_stats));
}

bool net_facts(struct net_facts *out)
{
    memset(out, 0, sizeof(*out));
    if (state.device == NULL)
        return false;
    out->present = true;
    out->link_up = state.device->link_up;
    out->by_dhcp = net_core_by_dhcp();
    out->has_address = has_ip4_address();
    memcpy(out->device, state.device->name, sizeof(out->device));
    memcpy(out->mac, state.device->mac, sizeof(out->mac));
    address_text(out->address, netif_ip4_addr(state.netif));
    out->prefix_bits = (uint8_t)net_core_prefix_bits();
    out->mtu = state.netif->mtu;
    address_text(out->gateway, netif_ip4_gw(state.netif));
    if (net_ip6_address() != NULL)
        net_address6_text(out->address6, net_ip6_address());
    for (u8_t i = 0; i < NET_DNS_MAX; i++) {
        const ip_addr_t *server = dns_getserver(i);
        address_text(out->dns[i], IP_IS_V4(server) ? ip_2_ip4(server) : IP4_ADDR_ANY4);
    }
    for (unsigned core = 0; core < core_count(); core++)
        add_counters_of(core, out);
    return true;
}
