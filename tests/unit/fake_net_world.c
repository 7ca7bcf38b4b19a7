// SPDX-License-Identifier: MIT
#include "fake_net_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/options.h"
#include "kernel/pci.h"
#include "kernel/random.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/counters.h"
#include "smp/exchange.h"
#include "smp/remote.h"

const uint8_t world_peer_mac[6] = {0x52, 0x55, 10, 0, 2, 2};
const uint8_t world_own_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
uint32_t world_tx_room = UINT32_MAX;
bool world_hold_sent;
unsigned world_buffers_out, world_flushes, world_arms;
uint32_t world_buffer_bytes = WORLD_FRAME_MAX;

void net_counters_start(void)
{
}

__attribute__((weak)) void net_sntp_start(void)
{
}

void net_tables_start(void)
{
}

// ---- one core -----------------------------------------------------------------------------------

// Weak: tests of an app that runs on many cores have their own.
__attribute__((weak)) PERCORE unsigned core_this_index;
__attribute__((weak)) unsigned core_slot_count = 1;

__attribute__((weak)) bool core_is_online(unsigned core)
{
    return core == 0;
}
__attribute__((weak)) void exchange_send(unsigned core, struct exchange_message *message)
{
    (void)message;
    fail_msg("there is no core %u to send to", core);
}
__attribute__((weak)) void exchange_post(unsigned core, struct exchange_message *message)
{
    exchange_send(core, message);
}
__attribute__((weak)) PERCORE unsigned exchange_owed;
__attribute__((weak)) void exchange_send_posted(void)
{
}
__attribute__((weak)) void remote_call(unsigned core, void (*function)(void *argument),
                                       void *argument)
{
    (void)function;
    (void)argument;
    fail_msg("there is no core %u to call", core);
}

// ---- what else the kernel offers ----------------------------------------------------------------

// No card on the bus: the device is there already.
__attribute__((weak)) struct pci_device *pci_first(void)
{
    return NULL;
}
__attribute__((weak)) const char *pci_name(const struct pci_device *device,
                                           char text[PCI_NAME_BYTES])
{
    (void)device;
    return text;
}

static struct {
    const char *key, *value;
} options[8];

void world_set_option(const char *key, const char *value)
{
    for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
        if (options[i].key == NULL || strcmp(options[i].key, key) == 0) {
            options[i].key = key;
            options[i].value = value;
            return;
        }
    }
    fail_msg("too many options");
}

__attribute__((weak)) uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min,
                                                 uint64_t max)
{
    const char *text = option_get(key);
    assert_true(text == NULL ||
                (strtoull(text, NULL, 10) >= min && strtoull(text, NULL, 10) <= max));
    return text == NULL ? fallback : strtoull(text, NULL, 10);
}

const char *option_get(const char *key)
{
    for (size_t i = 0; i < ARRAY_COUNT(options) && options[i].key != NULL; i++) {
        if (strcmp(options[i].key, key) == 0)
            return options[i].value;
    }
    if (strncmp(key, "ip6", 3) == 0)
        return "off"; // its frames come on top of those that a test is about
    return NULL;
}

// Of card 1 and up: what was given for "ip.1" or the like.
const char *option_get_of_card(const char *key, unsigned card)
{
    char of_card[32];
    snprintf(of_card, sizeof(of_card), "%s.%u", key, card);
    return option_get(card == 0 ? key : of_card);
}

uint64_t option_get_number_of_card(const char *key, unsigned card, uint64_t fallback, uint64_t min,
                                   uint64_t max)
{
    const char *text = option_get_of_card(key, card);
    assert_true(text == NULL ||
                (strtoull(text, NULL, 10) >= min && strtoull(text, NULL, 10) <= max));
    return text == NULL ? fallback : strtoull(text, NULL, 10);
}

void options_name_missing_cards(unsigned count)
{
    (void)count;
}

uint32_t random_u32(void)
{
    static uint64_t state = 42;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

void random_bytes(void *buffer, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)random_u32();
}

// ---- the device ---------------------------------------------------------------------------------

struct rx_waiting {
    struct net_rx_buffer *frame;
    struct rx_waiting *next;
};
static struct rx_waiting *rx_first, **rx_end = &rx_first;
static struct net_device *registered;
static struct world_frame sent[512];
static size_t sent_first, sent_count;
static void *tokens[512];
static struct net_tx_frame token_frames[512]; // as given, to see that the memory stayed as it was
static uint32_t token_sums[512];
static size_t token_count;

static uint32_t segments_sum(const struct net_tx_frame *frame)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < frame->segment_count; i++) {
        const uint8_t *data = frame->segments[i].data;
        for (uint32_t k = 0; k < frame->segments[i].length; k++)
            sum = sum * 31 + data[k];
    }
    return sum;
}

static int fake_transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    if (token_count >= world_tx_room || token_count == ARRAY_COUNT(tokens))
        return -ENOBUFS;
    assert_true(frame->segment_count > 0 && frame->segment_count <= NET_TX_SEGMENTS_MAX);
    assert_true(sent_count < ARRAY_COUNT(sent));
    struct world_frame *copy = &sent[(sent_first + sent_count++) % ARRAY_COUNT(sent)];
    memset(copy, 0, sizeof(*copy));
    for (uint32_t i = 0; i < frame->segment_count; i++) {
        assert_true(copy->size_bytes + frame->segments[i].length <= WORLD_FRAME_MAX);
        memcpy(copy->bytes + copy->size_bytes, frame->segments[i].data, frame->segments[i].length);
        copy->size_bytes += frame->segments[i].length;
    }
    copy->segment_count = frame->segment_count;
    copy->checksum_needed = frame->checksum_needed;
    copy->checksum_start = frame->checksum_start;
    copy->checksum_offset = frame->checksum_offset;
    copy->tso_mss = frame->tso_mss;
    copy->tso_headers_bytes = frame->tso_headers_bytes;
    assert_true(frame->tso_mss == 0 || (device->tso4 && frame->checksum_needed));
    if (frame->checksum_needed) {
        assert_true(device->checksum_offload);
        size_t field = (size_t)frame->checksum_start + frame->checksum_offset;
        assert_true(field + 2 <= copy->size_bytes);
        uint32_t sum = world_sum(copy->bytes + frame->checksum_start,
                                 copy->size_bytes - frame->checksum_start, 0);
        uint16_t checksum = (uint16_t)~world_fold(sum);
        world_put16(copy->bytes + field, checksum == 0 ? 0xffff : checksum);
    }
    token_frames[token_count] = *frame;
    token_sums[token_count] = segments_sum(frame);
    tokens[token_count++] = frame->token;
    device->stats.tx_frames++;
    return 0;
}

static void reap(struct net_device *device)
{
    if (world_hold_sent)
        return;
    for (size_t i = 0; i < token_count; i++) {
        assert_int_equal(segments_sum(&token_frames[i]), token_sums[i]);
        device->transmitted(device, tokens[i]);
    }
    token_count = 0;
}

static uint32_t fake_poll(struct net_device *device, uint32_t budget)
{
    uint32_t count = 0;
    reap(device);
    while (rx_first != NULL && count < budget) {
        struct rx_waiting *waiting = rx_first;
        rx_first = waiting->next;
        if (rx_first == NULL)
            rx_end = &rx_first;
        struct net_rx_buffer *frame = waiting->frame;
        free(waiting);
        count++;
        device->received(device, frame);
    }
    return count;
}

static void fake_flush(struct net_device *device)
{
    (void)device;
    world_flushes++;
}

static bool fake_arm(struct net_device *device)
{
    (void)device;
    world_arms++;
    return rx_first != NULL;
}

struct world_buffer {
    struct net_rx_buffer lent; // whose data may have been moved on
    void *memory;
};

static void fake_release(struct net_device *device, struct net_rx_buffer *buffer)
{
    (void)device;
    assert_true(world_buffers_out > 0);
    world_buffers_out--;
    free(((struct world_buffer *)buffer)->memory);
    free(buffer);
}

static const struct net_device_ops fake_ops = {.transmit = fake_transmit,
                                               .poll = fake_poll,
                                               .flush = fake_flush,
                                               .arm = fake_arm,
                                               .rx_release = fake_release};
struct net_device world_device;

struct net_device *net_device_first(void)
{
    return registered;
}

void world_add_device(bool checksum_offload)
{
    world_device.ops = &fake_ops;
    strcpy(world_device.name, "virtio-net at 00:02.0");
    memcpy(world_device.mac, world_own_mac, 6);
    world_device.mtu = 1500;
    world_device.link_up = true;
    world_device.checksum_offload = checksum_offload;
    registered = &world_device;
}

void world_deliver(const void *frame, size_t size_bytes, bool checksum_valid)
{
    struct rx_waiting *waiting = calloc(1, sizeof(*waiting));
    struct net_rx_buffer **at = &waiting->frame;
    size_t done = 0;
    do {
        size_t part =
            size_bytes - done < world_buffer_bytes ? size_bytes - done : world_buffer_bytes;
        struct world_buffer *made = calloc(1, sizeof(*made));
        struct net_rx_buffer *buffer = &made->lent;
        buffer->data = made->memory = malloc(part);
        memcpy(buffer->data, (const uint8_t *)frame + done, part);
        buffer->length = (uint32_t)part;
        buffer->checksum_valid = done == 0 && checksum_valid;
        memset(buffer->user, 0xa5, sizeof(buffer->user));
        world_buffers_out++;
        *at = buffer;
        at = &buffer->next;
        done += part;
    } while (done < size_bytes);
    *rx_end = waiting;
    rx_end = &waiting->next;
}

bool world_take(struct world_frame *frame)
{
    if (sent_count == 0)
        return false;
    *frame = sent[sent_first];
    sent_first = (sent_first + 1) % ARRAY_COUNT(sent);
    sent_count--;
    return true;
}

void world_drop_sent(void)
{
    sent_count = 0;
}

// ---- frames by hand -----------------------------------------------------------------------------

uint16_t world_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t world_get32(const uint8_t *at)
{
    return (uint32_t)world_get16(at) << 16 | world_get16(at + 2);
}

void world_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void world_put32(uint8_t *at, uint32_t value)
{
    world_put16(at, (uint16_t)(value >> 16));
    world_put16(at + 2, (uint16_t)value);
}

uint32_t world_sum(const uint8_t *bytes, size_t size_bytes, uint32_t start)
{
    for (size_t i = 0; i < size_bytes; i++)
        start += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return start;
}

uint16_t world_fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t world_transport_checksum(const uint8_t *frame, uint16_t field_offset)
{
    uint16_t header_bytes = (uint16_t)((frame[14] & 15) * 4);
    uint16_t length = (uint16_t)(world_get16(frame + 16) - header_bytes);
    const uint8_t *transport = frame + 14 + header_bytes;
    uint32_t sum = world_sum(frame + 26, 8, (uint32_t)frame[23] + length);
    sum = world_sum(transport, length, sum);
    sum += 0xffff - world_get16(transport + field_offset); // take the field out
    uint16_t checksum = (uint16_t)~world_fold(sum);
    return checksum;
}

size_t world_ip_headers(uint8_t *frame, uint8_t protocol, uint32_t source, uint32_t destination,
                        size_t payload_bytes)
{
    memcpy(frame, world_own_mac, 6);
    memcpy(frame + 6, world_peer_mac, 6);
    world_put16(frame + 12, 0x0800);
    memset(frame + 14, 0, 20);
    frame[14] = 0x45;
    world_put16(frame + 16, (uint16_t)(20 + payload_bytes));
    frame[22] = 64;
    frame[23] = protocol;
    world_put32(frame + 26, source);
    world_put32(frame + 30, destination);
    world_ip_checksum(frame);
    return 34 + payload_bytes;
}

void world_ip_checksum(uint8_t *frame)
{
    world_put16(frame + 24, 0);
    world_put16(frame + 24, (uint16_t)~world_fold(world_sum(frame + 14, 20, 0)));
}

size_t world_arp_request(uint8_t *frame, uint32_t asked)
{
    static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    memset(frame, 0xff, 6);
    memcpy(frame + 6, world_peer_mac, 6);
    world_put16(frame + 12, 0x0806);
    memcpy(frame + 14, fixed, 8);
    memcpy(frame + 22, world_peer_mac, 6);
    world_put32(frame + 28, WORLD_PEER_IP);
    memset(frame + 32, 0, 6);
    world_put32(frame + 38, asked);
    return 42;
}

size_t world_ping(uint8_t *frame, uint16_t sequence, size_t data_bytes)
{
    uint8_t *icmp = frame + 34;
    memset(icmp, 0, 8);
    icmp[0] = 8;
    world_put16(icmp + 4, 0x1234);
    world_put16(icmp + 6, sequence);
    for (size_t i = 0; i < data_bytes; i++)
        icmp[8 + i] = (uint8_t)(i * 7);
    world_put16(icmp + 2, (uint16_t)~world_fold(world_sum(icmp, 8 + data_bytes, 0)));
    return world_ip_headers(frame, 1, WORLD_PEER_IP, WORLD_OWN_IP, 8 + data_bytes);
}

void world_udp_datagram(uint8_t *udp, uint16_t source_port, uint16_t port, const void *data,
                        size_t data_bytes)
{
    world_put16(udp, source_port);
    world_put16(udp + 2, port);
    world_put16(udp + 4, (uint16_t)(8 + data_bytes));
    world_put16(udp + 6, 0);
    memcpy(udp + 8, data, data_bytes);
}

size_t world_udp(uint8_t *frame, uint32_t source, uint16_t source_port, uint32_t destination,
                 uint16_t port, const void *data, size_t data_bytes)
{
    world_udp_datagram(frame + 34, source_port, port, data, data_bytes);
    size_t size_bytes = world_ip_headers(frame, 17, source, destination, 8 + data_bytes);
    world_put16(frame + 34 + 6, world_transport_checksum(frame, 6));
    return size_bytes;
}

size_t world_tcp_segment(uint8_t *frame, const struct world_tcp *tcp, uint8_t flags,
                         const void *data, size_t data_bytes)
{
    uint8_t *header = frame + 34;
    size_t header_bytes = flags & WORLD_SYN ? 24 : 20;
    memset(header, 0, header_bytes);
    world_put16(header, tcp->source_port);
    world_put16(header + 2, tcp->port);
    world_put32(header + 4, tcp->sequence);
    world_put32(header + 8, tcp->acknowledged);
    header[12] = (uint8_t)(header_bytes / 4 << 4);
    header[13] = flags;
    world_put16(header + 14, tcp->window);
    if (flags & WORLD_SYN)
        world_put32(header + 20, 0x020405b4); // option 2: segments of up to 1460 bytes
    if (data_bytes > 0)
        memcpy(header + header_bytes, data, data_bytes);
    size_t size_bytes =
        world_ip_headers(frame, 6, WORLD_PEER_IP, WORLD_OWN_IP, header_bytes + data_bytes);
    world_put16(header + 16, world_transport_checksum(frame, 16));
    return size_bytes;
}

#define DHCP_START  42 // in the frame: behind Ethernet, IPv4 and UDP headers
#define DHCP_FIXED  236
#define DHCP_COOKIE 0x63825363u

static size_t put_option32(uint8_t *at, uint8_t option, uint32_t value)
{
    at[0] = option;
    at[1] = 4;
    world_put32(at + 2, value);
    return 6;
}

uint8_t world_dhcp_more[64];
size_t world_dhcp_more_bytes;

size_t world_dhcp(uint8_t *frame, uint8_t type, uint32_t transaction, uint32_t address,
                  uint32_t lease_s)
{
    uint8_t message[DHCP_FIXED + 64 + sizeof(world_dhcp_more)] = {2, 1, 6};
    size_t size_bytes = DHCP_FIXED;
    world_put32(message + 4, transaction);
    world_put32(message + 16, address);
    memcpy(message + 28, world_own_mac, 6);
    world_put32(message + size_bytes, DHCP_COOKIE);
    size_bytes += 4;
    message[size_bytes++] = 53;
    message[size_bytes++] = 1;
    message[size_bytes++] = type;
    size_bytes += put_option32(message + size_bytes, 54, WORLD_PEER_IP);
    if (type != WORLD_DHCP_NAK) {
        memcpy(message + size_bytes, world_dhcp_more, world_dhcp_more_bytes);
        size_bytes += world_dhcp_more_bytes;
        size_bytes += put_option32(message + size_bytes, 51, lease_s);
        size_bytes += put_option32(message + size_bytes, 1, 0xffffff00);
        size_bytes += put_option32(message + size_bytes, 3, 0x0a000202);
        size_bytes += put_option32(message + size_bytes, 6, 0x0a000203);
        size_bytes += put_option32(message + size_bytes, 42, 0x0a000204);
    }
    message[size_bytes++] = 255;
    return world_udp(frame, WORLD_PEER_IP, 67, 0xffffffff, 68, message, size_bytes);
}

uint8_t world_dhcp_type(const struct world_frame *frame)
{
    if (frame->size_bytes < DHCP_START + DHCP_FIXED + 4 || frame->bytes[23] != 17 ||
        world_get16(frame->bytes + 36) != 67)
        return 0;
    uint8_t length;
    const uint8_t *value = world_dhcp_option(frame, 53, &length);
    return value != NULL && length == 1 ? value[0] : 0;
}

const uint8_t *world_dhcp_option(const struct world_frame *frame, uint8_t option, uint8_t *length)
{
    size_t at = DHCP_START + DHCP_FIXED + 4;
    while (at + 2 <= frame->size_bytes && frame->bytes[at] != 255) {
        if (frame->bytes[at] == 0) {
            at++;
            continue;
        }
        *length = frame->bytes[at + 1];
        if (at + 2 + *length > frame->size_bytes)
            return NULL;
        if (frame->bytes[at] == option)
            return frame->bytes + at + 2;
        at += 2u + *length;
    }
    return NULL;
}

uint32_t world_dhcp_transaction(const struct world_frame *frame)
{
    return world_get32(frame->bytes + DHCP_START + 4);
}
