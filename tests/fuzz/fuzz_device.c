// SPDX-License-Identifier: MIT
// Network cards that write what they like where they may: into rings, headers, configuration,
// registers. The first byte says which card; then come its features and what happens, a byte each.
#include "device_cards.h"
#include "fake_driver.h"
#include "require.h"
#include "virtio_fixture.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#define STEPS_MAX 600

// ---- the kernel's -------------------------------------------------------------------------------

// What a card that is shut off still has is nobody's any more, but for the next input's sake.
static void *blocks[4096];
static size_t block_count;

static void *keep(void *block)
{
    require(block_count < ARRAY_COUNT(blocks) && block != NULL);
    return blocks[block_count++] = block;
}
void *heap_alloc(size_t size_bytes)
{
    return keep(malloc(size_bytes));
}
void *heap_alloc_zeroed(size_t size_bytes)
{
    return keep(calloc(1, size_bytes));
}

// Pages: one array, for the sanitizer gets so large a block from the kernel each time. Cards of
// large frames want more than there is.
static _Alignas(4096) uint8_t pages[16 << 20];
static size_t pages_used;

static void *take_pages(size_t size_bytes)
{
    void *block = pages + pages_used;
    size_t taken = ALIGN_UP(size_bytes, 4096) + 4096; // an absent one behind
    if (taken > sizeof(pages) - pages_used)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(block, size_bytes);
    pages_used += taken;
    return block;
}
void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes)
{
    void *block = NULL;
    if (alignment_bytes >= 4096)
        return take_pages(size_bytes);
    require(posix_memalign(&block, alignment_bytes, size_bytes) == 0);
    return keep(block);
}
void heap_free(void *block)
{
    size_t i = 0;
    while (i < block_count && blocks[i] != block)
        i++;
    if (block == NULL || ((uint8_t *)block >= pages && (uint8_t *)block < pages + sizeof(pages)))
        return;
    require(i < block_count);
    blocks[i] = blocks[--block_count];
    free(block);
}

static struct net_device *card; // of one device, or the first of those it has
void net_device_register(struct net_device *device)
{
    require(card == NULL && device->next == NULL);
    card = device;
}
struct net_device *net_device_first(void)
{
    return card;
}
void net_device_ignore(struct net_device *device)
{
    device->received = keep_frame;
    device->transmitted = keep_token;
}

// ---- what both cards must hold to ---------------------------------------------------------------

static void check_frames(void)
{
    for (size_t i = 0; i < frame_count; i++) {
        size_t size_bytes = 0;
        for (struct net_rx_buffer *at = frames[i]; at != NULL; at = at->next) {
            uint8_t sum = 0;
            for (uint32_t k = 0; k < at->length; k++) // the sanitizer looks at each
                sum ^= at->data[k];
            size_bytes += at->length;
            __asm__ volatile("" : : "r"(sum));
        }
        require(size_bytes <= 65535 + 18);
    }
}

static void send(struct net_device *net, uint8_t how)
{
    static uint8_t memory[NET_TX_SEGMENTS_MAX][96];
    struct net_tx_frame frame = {.segment_count = 1 + how % NET_TX_SEGMENTS_MAX, .token = &card};
    for (uint32_t i = 0; i < frame.segment_count; i++) {
        frame.segments[i].data = memory[i];
        frame.segments[i].length = 64;
    }
    frame.checksum_needed = how >= 128 && net->checksum_offload;
    frame.checksum_start = 34;
    frame.checksum_offset = 16;
    if (token_count < ARRAY_COUNT(tokens) - 1)
        (void)!net->ops->transmit(net, &frame);
}

void device_drive(struct net_device *net, uint8_t step, uint8_t how)
{
    switch (step % 5) {
    case 0:
        send(net, how);
        break;
    case 1:
        (void)net->ops->poll(net, how % 16);
        check_frames();
        break;
    case 2:
        release_frames(net);
        break;
    case 3:
        net->ops->flush(net);
        break;
    default:
        (void)net->ops->arm(net);
        if (pending_timer != NULL && how % 2)
            expire_timer();
    }
    if (frame_count > ARRAY_COUNT(frames) / 2)
        release_frames(net);
}

void device_check(struct net_device *net, bool is_shut_off)
{
    if (is_shut_off) {
        require(host_log_has("is shut off"));
        (void)net->ops->poll(net, 16); // other cores find out so
        require(net->stats.tx_frames == token_count);
        require(!net->link_up && net->ops->poll(net, 16) == 0);
    }
    require(net->stats.tx_frames >= token_count);
}

// ---- a card of virtio ---------------------------------------------------------------------------

static bool is_scrambled; // a packed ring that the fake cannot read any more, either

static void used_by(struct fake_queue *queue, bool is_rx, struct bytes *bytes)
{
    struct fake_chain chain;
    uint8_t how = bytes_take8(bytes);
    if (is_scrambled || !fake_queue_pop(queue, &chain))
        return;
    struct virtio_net_header header = {.buffer_count = how % 4 ? 1 : bytes_take8(bytes)};
    if (how & 0x40)
        bytes_take(bytes, &header, sizeof(header));
    if (chain.writable > 0)
        memcpy(chain.buffers[0].data, &header, sizeof(header));
    uint32_t length = is_rx ? bytes_take16(bytes) % 2100 : 0;
    fake_queue_write_used(queue, how & 0x80 ? bytes_take16(bytes) : chain.id, length);
}

// Any two bytes of what the device may write.
static void scramble(struct fake_queue *queue, struct bytes *bytes)
{
    size_t offset = bytes_take16(bytes);
    uint8_t value = bytes_take8(bytes);
    if (!queue->is_packed) {
        size_t used_bytes = sizeof(*queue->used) + queue->size * sizeof(struct virtio_used_element);
        ((uint8_t *)queue->used)[offset % used_bytes] = value;
        return;
    }
    ((uint8_t *)queue->packed.ring)[offset % (queue->size * 16u)] = value;
    is_scrambled = true;
}

static void virtio_step(struct net_device *net, struct bytes *bytes)
{
    uint8_t step = bytes_take8(bytes);
    unsigned index = step >> 7;
    struct fake_queue *queue = &fake.queues[index];
    switch (step & 0x7f) {
    case 0:
    case 1:
        used_by(queue, index == 0, bytes);
        break;
    case 2:
        if (!device.is_shut_off)
            fake_queue_show(queue);
        break;
    case 3:
        if (!device.is_shut_off && !is_scrambled)
            (void)fake_device_complete(&fake, index);
        break;
    case 4:
        queue->used_index += bytes_take8(bytes);
        break;
    case 5:
        if (!device.is_shut_off)
            scramble(queue, bytes);
        break;
    case 6:
        fake.status |= bytes_take8(bytes) & VIRTIO_STATUS_NEEDS_RESET;
        if (!device.is_shut_off && fake.config_interrupt != NULL)
            fake.config_interrupt(fake.config_context);
        break;
    case 7:
        fake.config[bytes_take8(bytes) % sizeof(fake.config)] = bytes_take8(bytes);
        break;
    default:
        device_drive(net, step & 0x7f, bytes_take8(bytes));
    }
}

static void virtio(struct bytes *bytes)
{
    static const uint16_t sizes[] = {64, 256, 512, 32, 8, 4, 2, 1, 0};
    uint64_t offered = 0;
    uint8_t how = bytes_take8(bytes), changed;
    bytes_take(bytes, &offered, sizeof(offered));
    prepare(VIRTIO_TYPE_NET, offered | (how & 1 ? OFFERED_LARGE : OFFERED_LESS));
    clock_step_ns = NS_PER_US;
    fake.offered &= ~(how & 2 ? 0 : BIT(VIRTIO_F_RING_PACKED));
    fake.queue_size = sizes[(how >> 2) % ARRAY_COUNT(sizes)];
    fake.queue_count = how & 0x80 ? bytes_take8(bytes) % (FAKE_QUEUES_MAX + 1) : 3;
    fake.refuses_features = bytes_take8(bytes) == 0xff;
    while ((changed = bytes_take8(bytes)) != 0)
        fake.config[changed % sizeof(fake.config)] = bytes_take8(bytes);
    is_scrambled = false;
    if (virtio_device_start(&device, &virtio_net_driver) != 0 || card == NULL)
        return;
    struct net_device *net = card;
    net->received = keep_frame;
    net->transmitted = keep_token;
    for (int step = 0; bytes_left(bytes) > 0 && step < STEPS_MAX; step++)
        virtio_step(net, bytes);
    (void)net->ops->poll(net, 16);
    device_check(net, device.is_shut_off);
    require(device.is_shut_off == fake.is_shut_off);
    release_frames(net);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    ASAN_POISON_MEMORY_REGION(pages, sizeof(pages));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes bytes = {data + 1, data + size_bytes};
    if (size_bytes == 0 || (data[0] != 'v' && data[0] != 'e'))
        return -1;
    card = NULL;
    now_ns = 0;
    (data[0] == 'v' ? virtio : device_e1000)(&bytes);
    while (block_count > 0)
        free(blocks[--block_count]);
    ASAN_POISON_MEMORY_REGION(pages, pages_used);
    pages_used = 0;
    return 0;
}
