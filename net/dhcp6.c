// SPDX-License-Identifier: MIT
#include "net/dhcp6.h"

#include <string.h>

#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "net/dns_servers.h"
#include "net/hooks.h"
#include "net/interface.h"
#include "net/ip6.h"

#include "lwip/ip.h"
#include "lwip/prot/ethernet.h"
#include "lwip/udp.h"

#define CLIENT_PORT    546
#define SERVER_PORT    547
#define MESSAGE_BYTES  1232 // the longest that every path carries
#define DUID_BYTES_MAX 130
#define FOR_EVER       UINT32_MAX // seconds
#define REQUEST_TRIES  10
#define SILENT_TRIES   5 // then the console hears of it
#define REFUSED_WAIT_S 10
#define RENEW_MIN_S    10    // whatever a server says: it is not to be asked without end
#define REFRESH_S      86400 // what is not a lease is asked for again; section 7.6, IRT_DEFAULT

// Section 7.3.
enum message {
    NOTHING = 0,
    SOLICIT = 1,
    ADVERTISE = 2,
    REQUEST = 3,
    RENEW = 5,
    REBIND = 6,
    REPLY = 7,
    DECLINE = 9,
    INFORMATION_REQUEST = 11,
};
// Section 21; RFC 3646 section 3.
enum option {
    OPTION_CLIENT_ID = 1,
    OPTION_SERVER_ID = 2,
    OPTION_IA_NA = 3,
    OPTION_IA_ADDRESS = 5,
    OPTION_REQUEST = 6,
    OPTION_ELAPSED_TIME = 8,
    OPTION_STATUS = 13,
    OPTION_DNS_SERVERS = 23,
};
#define STATUS_NO_BINDING 3 // section 21.13

// Section 7.6: how long until a message is sent again the first time, and at most.
static const struct {
    uint8_t first_s;
    uint16_t max_s;
} patience[] = {
    [SOLICIT] = {1, 3600}, [REQUEST] = {1, 30}, [RENEW] = {10, 600},
    [REBIND] = {10, 600},  [DECLINE] = {1, 30}, [INFORMATION_REQUEST] = {1, 3600},
};

static PERCORE struct client { // of each card
    struct netif *netif;       // NULL: does not follow routers yet
    struct timer timer;
    enum message asking; // NOTHING: there is nothing to ask until `timer`
    uint32_t transaction;
    unsigned tries;
    uint64_t since_ns, interval_ms;
    uint8_t server[DUID_BYTES_MAX];
    uint16_t server_bytes;
    bool has_asked, is_managed, is_bound;
    ip6_addr_t address; // offered or given
    uint64_t renew_ns, rebind_ns, end_ns;
} clients[NET_CARDS_MAX];
static PERCORE struct udp_pcb *port; // of all

struct bytes {
    const uint8_t *at, *end;
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint64_t seconds_from_now(uint32_t seconds)
{
    return seconds == FOR_EVER ? TIME_NEVER : time_now_ns() + seconds * NS_PER_S;
}

// ---- asking -------------------------------------------------------------------------------------

static uint8_t *put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put_option(uint8_t *at, enum option code, const void *value, size_t size_bytes)
{
    at = put16(put16(at, code), (unsigned)size_bytes);
    memcpy(at, value, size_bytes);
    return at + size_bytes;
}

// Sections 11.4: type link-layer address, Ethernet.
static uint8_t *put_client_id(const struct client *client, uint8_t *at)
{
    uint8_t duid[4 + ETH_HWADDR_LEN] = {0, 3, 0, 1};
    memcpy(duid + 4, client->netif->hwaddr, ETH_HWADDR_LEN);
    return put_option(at, OPTION_CLIENT_ID, duid, sizeof(duid));
}

// The address association, of which this machine has one, with the address unless there is none.
static uint8_t *put_association(const struct client *client, uint8_t *at)
{
    uint8_t association[12 + 4 + 24] = {[3] = 1};
    put16(put16(association + 12, OPTION_IA_ADDRESS), 24);
    memcpy(association + 16, client->address.addr, sizeof(client->address.addr));
    size_t size_bytes = client->asking == SOLICIT ? 12 : sizeof(association);
    return put_option(at, OPTION_IA_NA, association, size_bytes);
}

static size_t make_message(const struct client *client, uint8_t *bytes)
{
    uint64_t elapsed = (time_now_ns() - client->since_ns) / (10 * NS_PER_MS);
    uint8_t elapsed_bytes[2], wanted[2] = {0, OPTION_DNS_SERVERS};
    put16(elapsed_bytes, elapsed > UINT16_MAX ? UINT16_MAX : (unsigned)elapsed);
    bytes[0] = client->asking;
    bytes[1] = (uint8_t)(client->transaction >> 16);
    uint8_t *at = put_client_id(client, put16(bytes + 2, client->transaction & 0xffff));
    at = put_option(at, OPTION_ELAPSED_TIME, elapsed_bytes, sizeof(elapsed_bytes));
    at = put_option(at, OPTION_REQUEST, wanted, sizeof(wanted));
    if (client->asking == REQUEST || client->asking == RENEW || client->asking == DECLINE)
        at = put_option(at, OPTION_SERVER_ID, client->server, client->server_bytes);
    if (client->asking != INFORMATION_REQUEST)
        at = put_association(client, at);
    return (size_t)(at - bytes);
}

static void send(struct client *client)
{
    uint8_t bytes[256 + DUID_BYTES_MAX];
    ip_addr_t servers = IPADDR6_INIT_HOST(0xff020000, 0, 0, 0x00010002);
    size_t size_bytes = make_message(client, bytes);
    struct pbuf *message = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size_bytes, PBUF_RAM);
    if (message != NULL) { // else the next try
        pbuf_take(message, bytes, (u16_t)size_bytes);
        udp_sendto_if(port, message, &servers, SERVER_PORT, client->netif);
        pbuf_free(message);
    }
    // Section 15: a tenth more or less, so that many machines do not ask at the same moment.
    uint64_t spread_ms = client->interval_ms / 10;
    uint64_t wait_ms = client->interval_ms - spread_ms + random_u32() % (2 * spread_ms + 1);
    uint64_t next_ns = time_now_ns() + wait_ms * NS_PER_MS;
    if (client->asking == RENEW)
        next_ns = LWIP_MIN(next_ns, client->rebind_ns);
    if (client->is_bound)
        next_ns = LWIP_MIN(next_ns, client->end_ns);
    timer_start(&client->timer, next_ns);
    uint64_t max_ms = patience[client->asking].max_s * UINT64_C(1000);
    client->interval_ms = LWIP_MIN(2 * client->interval_ms, max_ms);
    if (++client->tries == SILENT_TRIES && !client->is_bound)
        log_warn("net: a router names DHCPv6, but no server answers: still trying");
}

static void ask(struct client *client, enum message message)
{
    client->asking = message;
    client->transaction = random_u32() & 0xffffff;
    client->tries = 0;
    client->since_ns = time_now_ns();
    client->interval_ms = patience[message].first_s * UINT64_C(1000);
    send(client);
}

static void ask_later(struct client *client)
{
    client->asking = NOTHING;
    client->is_bound = false;
    timer_start(&client->timer, seconds_from_now(REFUSED_WAIT_S));
}

static enum message first_message(const struct client *client)
{
    if (client->is_bound)
        return RENEW;
    return client->is_managed ? SOLICIT : INFORMATION_REQUEST;
}

static void timer_expired(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    uint64_t now_ns = time_now_ns();
    if (client->is_bound && now_ns >= client->end_ns) {
        client->is_bound = false; // lwIP forgets the address by itself
        ask(client, SOLICIT);
    } else if (client->asking == NOTHING) {
        ask(client, first_message(client));
    } else if (client->asking == RENEW && now_ns >= client->rebind_ns) {
        ask(client, REBIND);
    } else if ((client->asking == REQUEST || client->asking == DECLINE) &&
               client->tries >= REQUEST_TRIES) {
        ask(client, SOLICIT);
    } else {
        send(client);
    }
}

// ---- hearing ------------------------------------------------------------------------------------

// Takes the next option. Returns: false at the end, or where one is cut off.
static bool next_option(struct bytes *options, uint16_t *code, struct bytes *value)
{
    if (options->end - options->at < 4)
        return false;
    *code = get16(options->at);
    uint16_t length = get16(options->at + 2);
    value->at = options->at + 4;
    if (options->end - value->at < length)
        return false;
    options->at = value->end = value->at + length;
    return true;
}

static bool find_option(struct bytes options, uint16_t wanted, struct bytes *value)
{
    uint16_t code;
    while (next_option(&options, &code, value))
        if (code == wanted)
            return true;
    return false;
}

// Returns: the status code, 0 where none is said: success.
static uint16_t status_of(struct bytes options)
{
    struct bytes status;
    bool is_said = find_option(options, OPTION_STATUS, &status) && status.end - status.at >= 2;
    return is_said ? get16(status.at) : 0;
}

static bool is_refused(struct bytes options)
{
    return status_of(options) != 0;
}

// What is said of this machine's one association.
static bool find_association(struct bytes options, struct bytes *association)
{
    return find_option(options, OPTION_IA_NA, association) &&
           association->end - association->at >= 12 && get32(association->at) == 1;
}

struct lease {
    ip6_addr_t address;
    uint32_t preferred_s, valid_s, renew_s, rebind_s;
};

// The first address that the server has for this machine. Returns: false if there is none.
static bool read_lease(struct bytes options, struct lease *out)
{
    struct bytes association, address;
    if (is_refused(options) || !find_association(options, &association))
        return false;
    out->renew_s = get32(association.at + 4);
    out->rebind_s = get32(association.at + 8);
    association.at += 12;
    if (is_refused(association) || !find_option(association, OPTION_IA_ADDRESS, &address) ||
        address.end - address.at < 24)
        return false;
    out->address = (ip6_addr_t){0};
    memcpy(out->address.addr, address.at, sizeof(out->address.addr));
    out->preferred_s = get32(address.at + 16);
    out->valid_s = get32(address.at + 20);
    if (out->preferred_s > out->valid_s || out->valid_s == 0 ||
        ip6_addr_ismulticast(&out->address) || ip6_addr_isany_val(out->address) ||
        ip6_addr_islinklocal(&out->address))
        return false;
    // Section 14.2: the server leaves the times to this machine.
    uint32_t life_s = out->preferred_s != 0 ? out->preferred_s : out->valid_s;
    if (out->renew_s == 0 || out->renew_s > out->valid_s)
        out->renew_s = life_s == FOR_EVER ? FOR_EVER : life_s / 2;
    out->renew_s = LWIP_MAX(out->renew_s, RENEW_MIN_S);
    if (out->rebind_s < out->renew_s || out->rebind_s > out->valid_s)
        out->rebind_s = life_s == FOR_EVER ? FOR_EVER : life_s / 10 * 8;
    return true;
}

// The server knows nothing of the lease, or, *is_taken_back, wants its address to be used no
// longer. Section 18.2.10.1.
static bool is_lease_over(const struct client *client, struct bytes options, bool *is_taken_back)
{
    struct bytes association, address;
    if (!client->is_bound || !find_association(options, &association))
        return false;
    association.at += 12;
    *is_taken_back = find_option(association, OPTION_IA_ADDRESS, &address) &&
                     address.end - address.at >= 24 && get32(address.at + 20) == 0 &&
                     memcmp(address.at, client->address.addr, sizeof(client->address.addr)) == 0;
    return *is_taken_back || status_of(association) == STATUS_NO_BINDING;
}

static void start_anew(struct client *client, bool is_taken_back)
{
    s8_t index = netif_get_ip6_addr_match(client->netif, &client->address);
    client->is_bound = false;
    if (is_taken_back && index > 0)
        netif_ip6_addr_set_state(client->netif, index, IP6_ADDR_INVALID);
    ask(client, SOLICIT);
}

static void take_servers(const struct client *client, struct bytes options)
{
    struct bytes servers;
    if (!find_option(options, OPTION_DNS_SERVERS, &servers))
        return;
    for (unsigned i = 0; servers.end - servers.at >= 16; i++, servers.at += 16) {
        ip6_addr_t server = {0};
        memcpy(server.addr, servers.at, sizeof(server.addr));
        net_dns_hear_ip6(net_card_of(client->netif), i, &server);
    }
}

static void take_lease(struct client *client, const struct lease *lease)
{
    if (!net_ip6_add_address(client->netif, &lease->address, lease->valid_s, lease->preferred_s)) {
        log_warn("net: no room for the address that a DHCPv6 server gives");
        ask_later(client);
        return;
    }
    client->asking = NOTHING;
    client->is_bound = true;
    client->address = lease->address;
    client->renew_ns = seconds_from_now(lease->renew_s);
    client->rebind_ns = seconds_from_now(lease->rebind_s);
    client->end_ns = seconds_from_now(lease->valid_s);
    timer_start(&client->timer, client->renew_ns);
}

static void reply_arrived(struct client *client, struct bytes options)
{
    struct lease lease;
    bool is_taken_back;
    take_servers(client, options);
    if (client->asking == INFORMATION_REQUEST) {
        client->asking = NOTHING;
        timer_start(&client->timer, seconds_from_now(REFRESH_S));
    } else if (client->asking == DECLINE) {
        ask_later(client);
    } else if (read_lease(options, &lease)) {
        take_lease(client, &lease);
    } else if (is_lease_over(client, options, &is_taken_back)) {
        start_anew(client, is_taken_back);
    } else if (client->asking == REQUEST || is_refused(options)) {
        ask_later(client); // it changed its mind
    }
}

static void advertisement_arrived(struct client *client, struct bytes options, struct bytes server)
{
    struct lease lease;
    if (!read_lease(options, &lease))
        return;
    client->server_bytes = (uint16_t)(server.end - server.at);
    memcpy(client->server, server.at, client->server_bytes);
    client->address = lease.address;
    ask(client, REQUEST);
}

static void message_arrived(struct client *client, struct bytes message)
{
    if (message.end - message.at < 4 || client->asking == NOTHING ||
        (get32(message.at) & 0xffffff) != client->transaction)
        return;
    uint8_t type = message.at[0], own_id[4 + 4 + ETH_HWADDR_LEN];
    message.at += 4;
    struct bytes client_id, server;
    put_client_id(client, own_id);
    if (!find_option(message, OPTION_CLIENT_ID, &client_id) ||
        client_id.end - client_id.at != sizeof(own_id) - 4 ||
        memcmp(client_id.at, own_id + 4, sizeof(own_id) - 4) != 0 ||
        !find_option(message, OPTION_SERVER_ID, &server) || server.end == server.at ||
        server.end - server.at > DUID_BYTES_MAX)
        return;
    if (type == ADVERTISE && client->asking == SOLICIT)
        advertisement_arrived(client, message, server);
    else if (type == REPLY && client->asking != SOLICIT)
        reply_arrived(client, message);
}

static void received(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                     const ip_addr_t *address, u16_t from_port)
{
    (void)argument;
    (void)pcb;
    (void)address;
    (void)from_port;
    uint8_t bytes[MESSAGE_BYTES];
    u16_t size_bytes = pbuf_copy_partial(data, bytes, sizeof(bytes), 0);
    pbuf_free(data);
    message_arrived(&clients[net_card_of(ip_current_input_netif())],
                    (struct bytes){bytes, bytes + size_bytes});
}

// ---- start --------------------------------------------------------------------------------------

static bool open_port(void)
{
    if (port != NULL)
        return true;
    port = udp_new_ip_type(IPADDR_TYPE_V6);
    if (port == NULL || udp_bind(port, IP6_ADDR_ANY, CLIENT_PORT) != ERR_OK) {
        log_warn("net: no DHCPv6: port %d is not to be had", CLIENT_PORT);
        return false;
    }
    udp_recv(port, received, NULL);
    return true;
}

void net_dhcp6_follow(struct netif *netif, bool is_managed, bool has_other)
{
    struct client *client = &clients[net_card_of(netif)];
    if ((!is_managed && !has_other) || !open_port())
        return;
    client->netif = netif;
    client->timer.expired = timer_expired;
    if (is_managed && !client->is_managed) {
        client->is_managed = true;
        ask(client, SOLICIT);
    } else if (has_other && !client->is_managed && !client->has_asked) {
        ask(client, INFORMATION_REQUEST);
    }
    client->has_asked = true;
}

bool net_dhcp6_gave(const struct netif *netif, const ip6_addr_t *address)
{
    const struct client *client = &clients[net_card_of(netif)];
    return client->is_bound && ip6_addr_cmp(&client->address, address);
}

void net_dhcp6_decline(const struct netif *netif)
{
    struct client *client = &clients[net_card_of(netif)];
    client->is_bound = false;
    ask(client, DECLINE);
}
