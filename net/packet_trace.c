// SPDX-License-Identifier: MIT
#include "net/packet_trace.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "net/interface.h"
#include "net/packet_text.h"

#include "lwip/pbuf.h"

OPTION_CHOICE(net, "trace", "a line for each packet");

// What is read of a frame: Ethernet with a tag, IP and TCP with all their options.
#define HEADER_BYTES_MAX 138

static PERCORE struct {
    void (*received)(struct net_device *device, struct net_rx_buffer *frame);
    netif_linkoutput_fn output;
} next[NET_CARDS_MAX];

// With several cards, each line says which.
static void show(const struct net_device *device, const char *way, const uint8_t *data,
                 uint32_t length, uint32_t frame_bytes)
{
    char text[NET_PACKET_TEXT_BYTES];
    bool is_only = net_card_count == 1;
    net_packet_text(text, data, length, frame_bytes);
    log_info("net: core %u %s%s%s %u: %s", core_index(), is_only ? "" : device->name,
             is_only ? "" : " ", way, frame_bytes, text);
}

static void received(struct net_device *device, struct net_rx_buffer *frame)
{
    uint32_t frame_bytes = 0;
    for (const struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next)
        frame_bytes += buffer->length;
    show(device, "rx", frame->data, frame->length, frame_bytes);
    next[device->card].received(device, frame);
}

static err_t output(struct netif *netif, struct pbuf *pbuf)
{
    uint8_t headers[HEADER_BYTES_MAX];
    show(netif->state, "tx", headers, pbuf_copy_partial(pbuf, headers, sizeof(headers), 0),
         pbuf->tot_len);
    return next[net_card_of(netif)].output(netif, pbuf);
}

void net_packet_trace_start(struct net_device *device, struct netif *netif)
{
    const char *wish = option_get("net");
    if (wish == NULL)
        return;
    if (strcmp(wish, "trace") != 0) {
        if (core_index() == 0 && device->card == 0)
            log_warn("net: option net=%s: only trace is known, which shows each packet", wish);
        return;
    }
    next[device->card].received = device->received;
    next[device->card].output = netif->linkoutput;
    device->received = received;
    netif->linkoutput = output;
}
