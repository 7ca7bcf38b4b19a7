// SPDX-License-Identifier: MIT
// Spec: RFC 1035 section 7, RFC 5452 (answers that others forge), RFC 7766 (by TCP).
#include "net/resolve.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "kernel/heap.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "net/ip6.h"
#include "net/net.h"
#include "net/socket.h"

#include "lwip/dns.h"

#define PORT_DNS        53
#define ROUNDS          3        // of all servers
#define PATIENCE_NS     NS_PER_S // for an answer, twice as long each round
#define TCP_BYTES_MAX   4096     // of an answer that is read
#define CACHE_MAX       64
#define CACHE_TTL_MAX_S 86400

// ---- the cache ----------------------------------------------------------------------------------

struct cached {
    struct cached *next;
    uint64_t expires_ns;
    enum dns_type type;
    struct dns_answer answer;
    char name[DNS_NAME_BYTES_MAX + 2];
};

static PERCORE struct {
    struct cached *first; // the latest
    unsigned count;
} cache;

static void cache_drop(struct cached **at)
{
    struct cached *dropped = *at;
    *at = dropped->next;
    cache.count--;
    heap_free(dropped);
}

// Drops what has expired on the way. Returns: false if it is not there.
static bool cache_find(const char *name, enum dns_type type, struct dns_answer *answer)
{
    uint64_t now_ns = time_now_ns();
    for (struct cached **at = &cache.first; *at != NULL;) {
        struct cached *cached = *at;
        if (cached->expires_ns <= now_ns) {
            cache_drop(at);
            continue;
        }
        if (cached->type == type && strcasecmp(cached->name, name) == 0) {
            *answer = cached->answer;
            return true;
        }
        at = &cached->next;
    }
    return false;
}

static void cache_add(const char *name, enum dns_type type, const struct dns_answer *answer)
{
    uint32_t ttl_s = answer->ttl_s < CACHE_TTL_MAX_S ? answer->ttl_s : CACHE_TTL_MAX_S;
    struct cached *added = ttl_s == 0 ? NULL : heap_alloc(sizeof(*added));
    if (added == NULL)
        return; // asked for again next time
    if (cache.count == CACHE_MAX) {
        struct cached **last = &cache.first;
        while ((*last)->next != NULL)
            last = &(*last)->next;
        cache_drop(last);
    }
    added->expires_ns = time_now_ns() + ttl_s * NS_PER_S;
    added->type = type;
    added->answer = *answer;
    strcpy(added->name, name);
    added->next = cache.first;
    cache.first = added;
    cache.count++;
}

// ---- asking -------------------------------------------------------------------------------------

struct question {
    enum dns_type type;
    int result;      // -EAGAIN: no answer yet
    bool was_cached; // what is known is not kept for longer by being asked for again
    uint8_t query[DNS_QUERY_BYTES_MAX];
    size_t query_bytes;
    struct dns_answer answer;
};

// What is final whoever is asked.
static bool is_settled(const struct question *question)
{
    return question->result == 0 || question->result == -ENOENT || question->result == -ENODATA;
}

// Of one server by TCP: a length of two bytes in front of each message.
static int exchange_by_tcp(struct tcp_socket *socket, struct question *question,
                           uint64_t deadline_ns)
{
    uint8_t message[TCP_BYTES_MAX];
    uint8_t length[2] = {(uint8_t)(question->query_bytes >> 8), (uint8_t)question->query_bytes};
    int error = tcp_socket_send(socket, length, sizeof(length), deadline_ns);
    if (error == 0)
        error = tcp_socket_send(socket, question->query, question->query_bytes, deadline_ns);
    size_t done = 0;
    while (error == 0) {
        ssize_t now =
            tcp_socket_receive(socket, message + done, sizeof(message) - done, deadline_ns);
        if (now <= 0)
            return now == 0 ? -EBADMSG : (int)now;
        done += (size_t)now;
        size_t wanted = done < 2 ? 2 : 2 + (size_t)(message[0] << 8 | message[1]);
        if (done >= 2 && (done >= wanted || done == sizeof(message)))
            return dns_answer_read(question->query, question->query_bytes, message + 2, done - 2,
                                   &question->answer);
    }
    return error;
}

static void ask_by_tcp(const ip_addr_t *server, struct question *question, uint64_t deadline_ns)
{
    struct socket_address to = {.ip = *server, .port = PORT_DNS};
    struct tcp_socket *socket;
    question->result = tcp_socket_connect(&to, deadline_ns, &socket);
    if (question->result != 0)
        return;
    question->result = exchange_by_tcp(socket, question, deadline_ns);
    tcp_socket_close(socket);
}

struct asking {
    struct question questions[2]; // A, AAAA, or one of them
    unsigned count;
    struct udp_socket *socket; // with a port that nobody can guess
};

static bool is_answered(const struct asking *asking)
{
    for (unsigned i = 0; i < asking->count; i++)
        if (asking->questions[i].result == -EAGAIN)
            return false;
    return true;
}

// Waits for answers of one server; what anybody else sends is not looked at.
static void hear(struct asking *asking, const struct socket_address *server, uint64_t deadline_ns)
{
    while (!is_answered(asking)) {
        uint8_t message[DNS_ANSWER_BYTES_MAX];
        struct socket_address from;
        ssize_t size =
            udp_socket_receive(asking->socket, message, sizeof(message), &from, deadline_ns);
        if (size < 0)
            return;
        if (from.port != server->port || !ip_addr_cmp(&from.ip, &server->ip) ||
            (size_t)size > sizeof(message))
            continue;
        for (unsigned i = 0; i < asking->count; i++) {
            struct question *question = &asking->questions[i];
            if (question->result == -EAGAIN)
                question->result = dns_answer_read(question->query, question->query_bytes, message,
                                                   (size_t)size, &question->answer);
        }
    }
}

static void ask_server(struct asking *asking, const ip_addr_t *ip, uint64_t deadline_ns)
{
    struct socket_address server = {.ip = *ip, .port = PORT_DNS};
    for (unsigned i = 0; i < asking->count; i++) {
        struct question *question = &asking->questions[i];
        if (is_settled(question))
            continue;
        question->result = -EAGAIN;
        udp_socket_send(asking->socket, question->query, question->query_bytes, &server);
    }
    hear(asking, &server, deadline_ns);
    for (unsigned i = 0; i < asking->count; i++) {
        if (asking->questions[i].result == -EMSGSIZE)
            ask_by_tcp(ip, &asking->questions[i], deadline_ns);
        else if (asking->questions[i].result == -EAGAIN)
            asking->questions[i].result = -ETIMEDOUT;
    }
}

static bool all_settled(const struct asking *asking)
{
    for (unsigned i = 0; i < asking->count; i++)
        if (!is_settled(&asking->questions[i]))
            return false;
    return true;
}

// Asks all servers in turn, until all is settled. Returns: 0, or why nobody could be asked.
static int ask_servers(struct asking *asking, uint64_t deadline_ns)
{
    uint64_t patience_ns = PATIENCE_NS;
    for (int round = 0; round < ROUNDS; round++, patience_ns *= 2) {
        unsigned servers = 0;
        for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
            ip_addr_t server = *dns_getserver(i);
            if (ip_addr_isany(&server))
                continue;
            servers++;
            uint64_t until_ns = time_now_ns() + patience_ns;
            ask_server(asking, &server, until_ns < deadline_ns ? until_ns : deadline_ns);
            if (all_settled(asking) || time_now_ns() >= deadline_ns)
                return 0;
        }
        if (servers == 0)
            return -EDESTADDRREQ;
    }
    return 0;
}

// ---- names --------------------------------------------------------------------------------------

static int add_question(struct asking *asking, const char *name, enum dns_type type)
{
    struct question *question = &asking->questions[asking->count++];
    question->type = type;
    question->result = -ETIMEDOUT;
    question->query_bytes = dns_query_write(question->query, (uint16_t)random_u32(), name, type);
    if (question->query_bytes == 0)
        return -EINVAL;
    question->was_cached = cache_find(name, type, &question->answer);
    if (question->was_cached)
        question->result = 0;
    return 0;
}

static int ask(struct asking *asking, const char *name, uint64_t deadline_ns)
{
    int error = all_settled(asking) ? 0 : udp_socket_open(0, &asking->socket);
    if (error != 0 || asking->socket == NULL)
        return error;
    error = ask_servers(asking, deadline_ns);
    udp_socket_close(asking->socket);
    for (unsigned i = 0; i < asking->count; i++)
        if (asking->questions[i].result == 0 && !asking->questions[i].was_cached)
            cache_add(name, asking->questions[i].type, &asking->questions[i].answer);
    return error;
}

static void add_addresses(const struct question *question, struct net_resolved *out)
{
    for (unsigned i = 0; question->result == 0 && i < question->answer.count; i++) {
        ip_addr_t *address = &out->addresses[out->count++];
        const uint8_t *bytes = question->answer.addresses[i];
        uint32_t words[4];
        memcpy(words, bytes, sizeof(words));
        if (question->type == DNS_TYPE_A)
            ip_addr_set_ip4_u32_val(*address, words[0]);
        else
            IP_ADDR6(address, words[0], words[1], words[2], words[3]);
    }
}

// Returns: true if `name` is an address.
static bool is_literal(const char *name, enum net_family family, struct net_resolved *out,
                       int *error)
{
    bool looks_like_it = strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
    if (!looks_like_it)
        return false;
    bool is_clean = strspn(name, "0123456789abcdefABCDEF:.") == strlen(name); // lwIP is lenient
    *error = is_clean && ipaddr_aton(name, &out->addresses[0]) ? 0 : -EINVAL;
    if (*error == 0 && family != NET_FAMILY_ANY &&
        IP_IS_V6(&out->addresses[0]) != (family == NET_FAMILY_IPV6))
        *error = -ENODATA;
    out->count = *error == 0;
    return true;
}

int net_resolve(const char *name, enum net_family family, struct net_resolved *out,
                uint64_t deadline_ns)
{
    struct asking asking = {.count = 0};
    int error;
    out->count = 0;
    if (is_literal(name, family, out, &error))
        return error;
    error = net_wait_ready(deadline_ns);
    if (error == -ETIMEDOUT)
        return -ENETDOWN;
    // Addresses that can be reached come first.
    bool wants_ip6 = family == NET_FAMILY_IPV6 ||
                     (family == NET_FAMILY_ANY && error == 0 && net_ip6_address() != NULL);
    if (error == 0 && wants_ip6)
        error = add_question(&asking, name, DNS_TYPE_AAAA);
    if (error == 0 && family != NET_FAMILY_IPV6)
        error = add_question(&asking, name, DNS_TYPE_A);
    if (error == 0)
        error = ask(&asking, name, deadline_ns);
    if (error != 0)
        return error;
    for (unsigned i = 0; i < asking.count; i++)
        add_addresses(&asking.questions[i], out);
    return out->count > 0 ? 0 : asking.questions[asking.count - 1].result;
}

const char *net_resolve_error(int error)
{
    switch (error) {
    case -EINVAL:
        return "it is neither a name nor an address";
    case -ENOENT:
        return "there is no such name";
    case -ENODATA:
        return "the name has no address of that kind";
    case -EDESTADDRREQ:
        return "no DNS server is known: option ip has dns=ADDRESS";
    case -ETIMEDOUT:
        return "no DNS server answered";
    case -ENETDOWN:
        return "this machine has no address yet";
    case -EREMOTEIO:
        return "the DNS servers do not say";
    case -EBADMSG:
        return "what the DNS servers say is malformed";
    default:
        return strerror(-error);
    }
}
