// SPDX-License-Identifier: MIT
// Samples as text: equal ones together, addresses as names of functions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/pages.h"
#include "kernel/profile.h"
#include "kernel/profile_ring.h"
#include "kernel/symbols.h"

#define LINE_BYTES 2048
#define CALL_BYTES 5 // e8 and a distance of 32 bits

// The image's functions by address, for the length of a dump.
static struct functions {
    size_t count, room, names_bytes, names_room;
    struct function {
        uint32_t start, name; // offsets in the image and in names[]
    } * table;
    char *names;
} functions;

// Of each core: what earlier dumps have shown.
static struct {
    uint64_t next, halted;
} shown[CORES_MAX];

// ---- names --------------------------------------------------------------------------------------

static void count_function(uint32_t start, const char *name, void *context)
{
    (void)start, (void)context;
    functions.room++;
    functions.names_room += strlen(name) + 1;
}

static void note_function(uint32_t start, const char *name, void *context)
{
    (void)context;
    size_t bytes = strlen(name) + 1;
    functions.table[functions.count++] = (struct function){start, (uint32_t)functions.names_bytes};
    memcpy(functions.names + functions.names_bytes, name, bytes);
    functions.names_bytes += bytes;
}

static void functions_forget(void)
{
    heap_free(functions.table);
    heap_free(functions.names);
    functions = (struct functions){0};
}

static bool functions_read(void)
{
    symbols_each(count_function, NULL);
    functions.table = heap_alloc((functions.room + 1) * sizeof(*functions.table));
    functions.names = heap_alloc(functions.names_room + 1);
    if (functions.table == NULL || functions.names == NULL)
        return false;
    symbols_each(note_function, NULL);
    return true;
}

// The last function that starts at or below `place`. Returns: its index, or `count` if there is
// none.
static size_t function_at(uint32_t place)
{
    size_t low = 0, high = functions.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (functions.table[middle].start <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? functions.count : low - 1;
}

// ---- one sample ---------------------------------------------------------------------------------

// A function that has no frame yet, or never has one, hides its caller: the chain of frames begins
// with the caller's own. Then the lowest word of the stack is where it returns to.
static bool hides_caller(const struct profile_sample *sample)
{
    const uint8_t *image = (const uint8_t *)image_start;
    size_t function = sample->depth == 0 ? functions.count : function_at(sample->places[0]);
    if (function == functions.count || sample->stack_word < CALL_BYTES)
        return false;
    uint32_t start = functions.table[function].start;
    bool has_frame = image[start] == 0x55 && sample->places[0] != start; // push rbp
    return !has_frame && image[sample->stack_word - CALL_BYTES] == 0xe8;
}

static void insert_caller(struct profile_sample *sample)
{
    if (sample->depth == PROFILE_PLACES) {
        sample->depth--;
        sample->is_cut = true;
    }
    memmove(sample->places + 2, sample->places + 1, (sample->depth - 1) * sizeof(*sample->places));
    sample->places[1] = sample->stack_word - 1;
    sample->depth++;
}

// Makes samples of the same calls equal in all their bytes: places become functions.
static void normalise(struct profile_sample *sample)
{
    if (hides_caller(sample))
        insert_caller(sample);
    sample->stack_word = 0;
    size_t length = strnlen(sample->thread, sizeof(sample->thread));
    memset(sample->thread + length, 0, sizeof(sample->thread) - length);
    for (size_t i = 0; i < length; i++)
        if (sample->thread[i] <= ' ' || sample->thread[i] > '~' || sample->thread[i] == ';')
            sample->thread[i] = '_';
    for (uint32_t i = 0; i < sample->depth; i++)
        sample->places[i] = (uint32_t)function_at(sample->places[i]);
    memset(sample->places + sample->depth, 0,
           (PROFILE_PLACES - sample->depth) * sizeof(*sample->places));
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct profile_sample));
}

static void write_line(unsigned core, const struct profile_sample *sample, size_t count)
{
    static char line[LINE_BYTES]; // core 0's
    size_t used = (size_t)snprintf(line, sizeof(line), "profile: core%u;%.*s%s", core,
                                   (int)sizeof(sample->thread), sample->thread,
                                   sample->is_cut ? ";(deeper)" : "");
    for (uint32_t i = sample->depth; i-- > 0 && used < sizeof(line) - SYMBOLS_NAME_BYTES - 32;) {
        uint32_t function = sample->places[i];
        used += (size_t)snprintf(line + used, sizeof(line) - used, ";%s",
                                 function < functions.count
                                     ? functions.names + functions.table[function].name
                                     : "(unknown)");
    }
    used += (size_t)snprintf(line + used, sizeof(line) - used, " %zu\n", count);
    console_write(line, used);
    console_let_read();
}

// ---- a core -------------------------------------------------------------------------------------

// Copies what is new, but for the oldest if the core may be writing over it.
static size_t copy_new(const struct profile_ring *ring, uint64_t from, uint64_t end,
                       struct profile_sample *copy)
{
    size_t count = 0;
    for (uint64_t i = from; i < end; i++) {
        copy[count] = ring->samples[i & ring->mask];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&ring->next, __ATOMIC_RELAXED) <= i + ring->mask)
            count++;
    }
    return count;
}

static void write_all(unsigned core, struct profile_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        normalise(&samples[i]);
    qsort(samples, count, sizeof(*samples), compare);
    for (size_t i = 0, alike; i < count; i += alike) {
        for (alike = 1; i + alike < count && compare(&samples[i], &samples[i + alike]) == 0;)
            alike++;
        write_line(core, &samples[i], alike);
    }
}

static void dump_core(unsigned core)
{
    const struct profile_ring *ring = core_local_of(core, &profile_ring);
    if (ring->samples == NULL)
        return;
    uint64_t end = __atomic_load_n(&ring->next, __ATOMIC_ACQUIRE); // pairs with take_sample
    uint64_t room = ring->mask + 1;
    uint64_t from = end - shown[core].next > room ? end - room : shown[core].next;
    size_t pages = ALIGN_UP(room * sizeof(struct profile_sample), PAGE_BYTES) / PAGE_BYTES;
    struct profile_sample *copy = page_alloc(pages);
    if (copy == NULL) {
        log_warn("profile: no memory to sort what core %u was at", core);
        return;
    }
    size_t count = copy_new(ring, from, end, copy);
    write_all(core, copy, count);
    page_free(copy, pages);
    uint64_t halted = ring->halted;
    char line[128];
    int length = snprintf(
        line, sizeof(line), "profile: core %u: %zu samples at %u Hz, %llu halted, %llu dropped\n",
        core, count, profile_hz, (unsigned long long)(halted - shown[core].halted),
        (unsigned long long)(end - shown[core].next - count));
    console_write(line, (size_t)length);
    shown[core].next = end;
    shown[core].halted = halted;
}

void profile_dump(void)
{
    if (functions_read()) {
        for (unsigned core = 0; core < core_count(); core++)
            if (core_is_online(core))
                dump_core(core);
    } else {
        log_warn("profile: no memory for the names of %zu functions", functions.room);
    }
    functions_forget();
}
