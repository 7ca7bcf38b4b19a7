// SPDX-License-Identifier: MIT
// Spec: the common log format as the CERN and NCSA servers had it, and the combined one of Apache.
#include "http/access_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/counters.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"

#define RING_BYTES     16384u
#define LINE_BYTES_MAX 2048
#define TARGET_MAX     1024 // of each text from outside, when it is written
#define FIELD_MAX      384
#define REST_FACTOR    9         // the thread rests so many times as long as it wrote,
#define REST_NS        NS_PER_MS // when that comes to this
#define FINISH_LOOK_NS (5 * NS_PER_MS)

enum http_access_log http_access_log;

struct log_ring {
    struct exchange_message bell;
    atomic_bool is_rung;      // the bell is on its way
    _Atomic uint32_t in, out; // bytes ever put in, by its core, and taken out, by core 0
    char bytes[RING_BYTES];
};

static _Atomic(struct log_ring *) rings[CORES_MAX]; // written by each core once
// Core 0's.
static struct event filled;
static uint64_t rest_ns, told_lost; // lines that the console knows of
static bool is_hurried;

const char *http_access_log_set(const char *text)
{
    static const char *const names[] = {
        [HTTP_LOG_OFF] = "off", [HTTP_LOG_COMMON] = "on", [HTTP_LOG_COMBINED] = "combined"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            http_access_log = (enum http_access_log)i;
            return NULL;
        }
    }
    return "it is off, on or combined";
}

// ---- a line -------------------------------------------------------------------------------------

struct line {
    char text[LINE_BYTES_MAX];
    size_t used;
};

static void put(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(struct line *line, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(line->text) - line->used;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->used, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->used += (size_t)length < room ? (size_t)length : room - 1;
}

// What clients wrote: no byte of it can end the line, its quotes, or do something to a terminal.
static void put_escaped(struct line *line, struct http_slice text, size_t length_max)
{
    size_t end = line->used + length_max;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (line->used + 4 > end) {
            put(line, "...");
            return;
        }
        bool is_plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
        put(line, is_plain ? "%c" : "\\x%02X", byte);
    }
}

static void put_quoted(struct line *line, struct http_slice text)
{
    put(line, " \"");
    if (text.length > 0)
        put_escaped(line, text, FIELD_MAX);
    else
        put(line, "-");
    put(line, "\"");
}

// The text is made once a second.
static const char *time_text(void)
{
    static PERCORE char text[32];
    static PERCORE time_t seconds;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    if ((now.tv_sec != seconds || text[0] == '\0') && gmtime_r(&now.tv_sec, &tm)) {
        seconds = now.tv_sec;
        strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    }
    return text;
}

static void line_make(struct line *line, const struct http_access *access)
{
    line->used = 0;
    put(line, "%s - - [%s] \"", access->client, time_text());
    if (access->method) {
        put(line, "%s ", access->method);
        put_escaped(line, access->target, TARGET_MAX);
        put(line, " HTTP/%u.%u", access->major, access->minor);
    } else {
        put(line, "-");
    }
    put(line, "\" %u ", access->status);
    if (access->body_bytes > 0)
        put(line, "%llu", (unsigned long long)access->body_bytes);
    else
        put(line, "-");
    if (http_access_log == HTTP_LOG_COMBINED) {
        put_quoted(line, access->referer);
        put_quoted(line, access->user_agent);
    }
    put(line, "\n");
}

// ---- into the ring ------------------------------------------------------------------------------

// In core 0's loop. Whoever saw the bell on its way put its line in before: the barriers here and
// in ring_put() have either the line seen from now on or the bell rung again.
static void bell_arrived(struct exchange_message *message)
{
    struct log_ring *ring = CONTAINER_OF(message, struct log_ring, bell);
    atomic_store_explicit(&ring->is_rung, false, memory_order_relaxed);
    cpu_full_barrier();
    event_set(&filled);
}

static void ring_put(struct log_ring *ring, const char *text, uint32_t length)
{
    uint32_t in = atomic_load_explicit(&ring->in, memory_order_relaxed);
    uint32_t out = atomic_load_explicit(&ring->out, memory_order_acquire); // pairs with line_take()
    if (RING_BYTES - (in - out) < length) {
        http_count(HTTP_LOG_LINES_LOST, 1);
        return;
    }
    uint32_t first = RING_BYTES - in % RING_BYTES;
    first = first < length ? first : length;
    memcpy(ring->bytes + in % RING_BYTES, text, first);
    memcpy(ring->bytes, text + first, length - first);
    atomic_store_explicit(&ring->in, in + length, memory_order_release); // pairs with ring_take()
    cpu_full_barrier();
    if (atomic_load_explicit(&ring->is_rung, memory_order_relaxed))
        return;
    atomic_store_explicit(&ring->is_rung, true, memory_order_relaxed);
    exchange_send(0, &ring->bell);
}

int http_access_log_start_core(void)
{
    struct log_ring *ring = heap_alloc_zeroed(sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    ring->bell.receive = bell_arrived;
    atomic_store_explicit(&rings[core_index()], ring, memory_order_release); // pairs with ring_of()
    return 0;
}

static struct log_ring *ring_of(unsigned core)
{
    return atomic_load_explicit(&rings[core], memory_order_acquire);
}

void http_access_log_write(const struct http_access *access)
{
    struct line line;
    line_make(&line, access);
    struct log_ring *ring = ring_of(core_index());
    if (ring)
        ring_put(ring, line.text, (uint32_t)line.used);
}

// ---- out of the rings ---------------------------------------------------------------------------

// Rests after some work, so that core 0 has most of its time for requests however slow the console
// is.
static void rest_after(uint64_t spent_ns)
{
    rest_ns += REST_FACTOR * spent_ns;
    if (rest_ns < REST_NS || is_hurried)
        return;
    thread_sleep_until(time_now_ns() + rest_ns);
    rest_ns = 0;
}

static void line_take(struct log_ring *ring)
{
    char line[LINE_BYTES_MAX];
    uint32_t out = atomic_load_explicit(&ring->out, memory_order_relaxed);
    uint32_t length = 0;
    do
        line[length] = ring->bytes[(out + length) % RING_BYTES];
    while (line[length++] != '\n');
    atomic_store_explicit(&ring->out, out + length, memory_order_release);
    uint64_t begin_ns = time_now_ns();
    console_write(line, length);
    rest_after(time_now_ns() - begin_ns);
}

static void ring_take(struct log_ring *ring)
{
    uint32_t in = atomic_load_explicit(&ring->in, memory_order_acquire);
    while (atomic_load_explicit(&ring->out, memory_order_relaxed) != in)
        line_take(ring);
}

static void tell_lost(void)
{
    uint64_t lost = http_counted_total(HTTP_LOG_LINES_LOST);
    if (lost != told_lost)
        log_warn("http: the access log has lost %llu lines: the console is too slow for them",
                 (unsigned long long)lost);
    told_lost = lost;
}

// Once while it runs, for more lines about it are the last thing that the console needs; how many
// there are /metrics says, and the end.
static void tell_first_lost(void)
{
    if (told_lost == 0)
        tell_lost();
}

static void write_lines(void *argument)
{
    (void)argument;
    for (;;) {
        event_wait(&filled);
        event_clear(&filled);
        for (unsigned core = 0; core < core_count(); core++) {
            if (ring_of(core))
                ring_take(ring_of(core));
        }
        tell_first_lost();
    }
}

int http_access_log_start(void)
{
    static const struct thread_options options = {.priority = THREAD_BACKGROUND};
    return thread_create_with_options("access log", write_lines, NULL, &options) ? 0 : -ENOMEM;
}

static bool is_all_written(void)
{
    for (unsigned core = 0; core < core_count(); core++) {
        struct log_ring *ring = ring_of(core);
        if (ring && atomic_load_explicit(&ring->in, memory_order_relaxed) !=
                        atomic_load_explicit(&ring->out, memory_order_relaxed))
            return false;
    }
    return true;
}

void http_access_log_finish(uint64_t deadline_ns)
{
    is_hurried = true;
    event_set(&filled);
    while (!is_all_written() && time_now_ns() < deadline_ns)
        thread_sleep_until(time_now_ns() + FINISH_LOOK_NS);
    tell_lost();
}
