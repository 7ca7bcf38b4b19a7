// SPDX-License-Identifier: MIT
// A bad line between a tap device, which it makes, and a machine, which QEMU's `-netdev stream`
// connects to it: frames are lost, late, twice there, out of order or damaged, in both directions.
//
//   bad_line TAP SOCKET SEED
//
// Says "ready" once a machine may connect. A line on stdin is settings from then on, those that it
// leaves out are 0: loss=, late=, duplicate=, damage= of a million frames, delay_us= in each
// direction. It is answered by what happened since the last one. What befalls the nth frame of a
// direction depends on the seed, the settings and n alone.
//
// Neither end leaves checksums or segments to the other: QEMU offers the machine no offloads here,
// and the tap device has none.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 65536
#define WAITING_MAX     16384 // frames of a direction; what is beyond is lost
#define LATE_NS_MAX     4000000u
#define NS_PER_S        1000000000ull
#define MILLION         1000000
#define ETHERNET_BYTES  14
#define LENGTH_BYTES    4 // before each frame of QEMU's stream, big endian
#define BACKLOG         1
#define COMMAND_SIZE    256

enum { LOSS, LATE, DUPLICATE, DAMAGE, CHANCES, DELAY_US = CHANCES, SETTINGS };
static const char *const names[SETTINGS] = {"loss", "late", "duplicate", "damage", "delay_us"};
static unsigned settings[SETTINGS];

enum { PASSED, LOST, LATER, DUPLICATED, DAMAGED, COUNTS };
static const char *const count_names[COUNTS] = {"passed", "lost", "late", "duplicated", "damaged"};

struct frame {
    uint64_t due_ns;
    uint64_t number; // equal times keep their order
    uint32_t size_bytes;
    uint8_t data[];
};

static struct direction {
    uint64_t random;
    uint64_t next_number;
    unsigned counts[COUNTS];
    size_t waiting;
    struct frame *heap[WAITING_MAX]; // the earliest first
} to_machine, to_tap;

static int tap, machine = -1;

static void fail(const char *what)
{
    fprintf(stderr, "bad_line: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

// SplitMix64.
static uint64_t random_next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

// ---- frames that wait ---------------------------------------------------------------------------

static bool is_before(const struct frame *a, const struct frame *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void push(struct direction *way, struct frame *frame)
{
    size_t at = way->waiting++;
    while (at > 0 && is_before(frame, way->heap[(at - 1) / 2])) {
        way->heap[at] = way->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    way->heap[at] = frame;
}

static struct frame *pop(struct direction *way)
{
    struct frame *first = way->heap[0], *last = way->heap[--way->waiting];
    size_t at = 0, below;
    while ((below = 2 * at + 1) < way->waiting) {
        if (below + 1 < way->waiting && is_before(way->heap[below + 1], way->heap[below]))
            below++;
        if (!is_before(way->heap[below], last))
            break;
        way->heap[at] = way->heap[below];
        at = below;
    }
    way->heap[at] = last;
    return first;
}

// ---- what befalls a frame -----------------------------------------------------------------------

// One bit, as netem does it; every checksum finds that. Not in what only Ethernet's own check,
// which is not there, would protect: its header, and ARP.
static bool damage(struct frame *frame, uint64_t random)
{
    uint16_t type = (uint16_t)(frame->data[12] << 8 | frame->data[13]);
    if (type != 0x0800 && type != 0x86dd)
        return false;
    uint64_t bit = random % (8 * (frame->size_bytes - ETHERNET_BYTES));
    frame->data[ETHERNET_BYTES + bit / 8] ^= (uint8_t)(1 << bit % 8);
    return true;
}

static void wait_for_its_time(struct direction *way, const uint8_t *data, uint32_t size_bytes,
                              uint64_t due_ns, const uint64_t *damaging)
{
    struct frame *frame = malloc(sizeof(*frame) + size_bytes);
    if (frame == NULL)
        fail("memory");
    frame->due_ns = due_ns;
    frame->number = way->next_number++;
    frame->size_bytes = size_bytes;
    memcpy(frame->data, data, size_bytes);
    if (damaging != NULL && damage(frame, *damaging))
        way->counts[DAMAGED]++;
    push(way, frame);
}

static void take(struct direction *way, const uint8_t *data, uint32_t size_bytes)
{
    // All are drawn for every frame, so that one setting does not change what another one hits.
    uint64_t drawn[CHANCES + 1];
    bool is_hit[CHANCES];
    for (int i = 0; i <= CHANCES; i++)
        drawn[i] = random_next(&way->random);
    for (int i = 0; i < CHANCES; i++)
        is_hit[i] = drawn[i] % MILLION < settings[i];
    if (size_bytes <= ETHERNET_BYTES || is_hit[LOSS] || way->waiting + 2 > WAITING_MAX) {
        way->counts[LOST]++;
        return;
    }
    uint64_t due_ns = now_ns() + settings[DELAY_US] * 1000ull;
    if (is_hit[LATE]) {
        way->counts[LATER]++;
        due_ns += drawn[CHANCES] % LATE_NS_MAX;
    }
    way->counts[PASSED]++;
    wait_for_its_time(way, data, size_bytes, due_ns, is_hit[DAMAGE] ? &drawn[CHANCES] : NULL);
    if (is_hit[DUPLICATE]) {
        way->counts[DUPLICATED]++;
        wait_for_its_time(way, data, size_bytes, due_ns, NULL);
    }
}

// ---- the two ends -------------------------------------------------------------------------------

static void send_to_machine(const struct frame *frame)
{
    uint8_t out[LENGTH_BYTES + FRAME_BYTES_MAX];
    uint32_t size = frame->size_bytes, done = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        out[i] = (uint8_t)(size >> (24 - 8 * i));
    memcpy(out + LENGTH_BYTES, frame->data, size);
    while (machine >= 0 && done < LENGTH_BYTES + size) {
        ssize_t part = send(machine, out + done, LENGTH_BYTES + size - done, MSG_NOSIGNAL);
        if (part < 0)
            return; // it ended; reading says so
        done += (uint32_t)part;
    }
}

static void send_to_tap(const struct frame *frame)
{
    // The interface may be down, or its MTU too small: then it is lost.
    if (write(tap, frame->data, frame->size_bytes) < 0)
        to_tap.counts[LOST]++;
}

// Returns: when the next one is due.
static uint64_t deliver(struct direction *way, void (*send_frame)(const struct frame *frame))
{
    while (way->waiting > 0 && way->heap[0]->due_ns <= now_ns()) {
        struct frame *frame = pop(way);
        send_frame(frame);
        free(frame);
    }
    return way->waiting > 0 ? way->heap[0]->due_ns : UINT64_MAX;
}

static void read_tap(void)
{
    uint8_t data[FRAME_BYTES_MAX];
    ssize_t size_bytes = read(tap, data, sizeof(data));
    if (size_bytes > 0)
        take(&to_machine, data, (uint32_t)size_bytes);
}

static void read_machine(void)
{
    static uint8_t held[4 * FRAME_BYTES_MAX];
    static size_t held_bytes;
    ssize_t part = recv(machine, held + held_bytes, sizeof(held) - held_bytes, 0);
    if (part <= 0) { // another one may come
        close(machine);
        machine = -1;
        held_bytes = 0;
        return;
    }
    held_bytes += (size_t)part;
    size_t at = 0;
    while (held_bytes - at >= LENGTH_BYTES) {
        const uint8_t *length = held + at;
        uint32_t size = (uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 |
                        (uint32_t)length[2] << 8 | length[3];
        if (size > FRAME_BYTES_MAX) {
            errno = EPROTO;
            fail("QEMU's stream");
        }
        if (held_bytes - at < LENGTH_BYTES + size)
            break;
        take(&to_tap, length + LENGTH_BYTES, size);
        at += LENGTH_BYTES + size;
    }
    held_bytes -= at;
    memmove(held, held + at, held_bytes);
}

static int open_tap(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    int opened = open("/dev/net/tun", O_RDWR);
    if (opened < 0 || ioctl(opened, TUNSETIFF, &request) != 0)
        fail(name);
    return opened;
}

static int listen_at(const char *path)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(own.sun_path, sizeof(own.sun_path), "%s", path);
    if (bind(listener, (struct sockaddr *)&own, sizeof(own)) != 0 || listen(listener, BACKLOG) != 0)
        fail(path);
    return listener;
}

// ---- what it is told ----------------------------------------------------------------------------

static void report(void)
{
    for (int i = 0; i < COUNTS; i++)
        printf("%s %u %u ", count_names[i], to_machine.counts[i], to_tap.counts[i]);
    printf("\n");
    fflush(stdout);
    memset(to_machine.counts, 0, sizeof(to_machine.counts));
    memset(to_tap.counts, 0, sizeof(to_tap.counts));
}

static void set(char *word)
{
    size_t length = strcspn(word, "=");
    for (int i = 0; i < SETTINGS; i++) {
        if (strlen(names[i]) == length && strncmp(word, names[i], length) == 0) {
            settings[i] = (unsigned)strtoul(word + length + (word[length] == '='), NULL, 10);
            return;
        }
    }
    fprintf(stderr, "bad_line: no setting '%s'\n", word);
    exit(2);
}

static void read_command(void)
{
    char text[COMMAND_SIZE];
    ssize_t size = read(STDIN_FILENO, text, sizeof(text) - 1); // written in one piece
    if (size <= 0)
        exit(0);
    text[size] = '\0';
    report();
    memset(settings, 0, sizeof(settings));
    for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n"))
        set(word);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "bad_line: TAP SOCKET SEED\n");
        return 2;
    }
    tap = open_tap(argv[1]);
    int listener = listen_at(argv[2]);
    to_machine.random = strtoull(argv[3], NULL, 0);
    to_tap.random = ~to_machine.random;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        uint64_t due_ns = deliver(&to_machine, send_to_machine);
        uint64_t other_ns = deliver(&to_tap, send_to_tap), time_ns = now_ns();
        due_ns = due_ns < other_ns ? due_ns : other_ns;
        uint64_t wait_ns = due_ns > time_ns ? due_ns - time_ns : 0;
        struct timespec wait = {(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)};
        struct pollfd ends[] = {{STDIN_FILENO, POLLIN, 0},
                                {tap, POLLIN, 0},
                                {machine >= 0 ? machine : listener, POLLIN, 0}};
        if (ppoll(ends, 3, due_ns == UINT64_MAX ? NULL : &wait, NULL) < 0)
            fail("poll");
        if (ends[0].revents != 0)
            read_command();
        if (ends[1].revents != 0)
            read_tap();
        if (ends[2].revents != 0 && machine >= 0)
            read_machine();
        else if (ends[2].revents != 0)
            machine = accept(listener, NULL, NULL);
    }
}
