// SPDX-License-Identifier: MIT
#include "kernel/symbols.h"

#include <string.h>

#include "kernel/image.h"

#define HEADER_BYTES 12

struct reader {
    const uint8_t *next, *end;
};

static uint32_t read32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static bool read_distance(struct reader *reader, uint32_t *distance)
{
    uint32_t number = 0;
    for (unsigned shift = 0; shift < 32 && reader->next < reader->end; shift += 7) {
        uint8_t byte = *reader->next++;
        number |= (uint32_t)(byte & 0x7F) << shift;
        if (byte & 0x80)
            continue;
        *distance = (number >> 1) * (number & 1 ? 1 : 16);
        return true;
    }
    return false;
}

static bool read_name(struct reader *reader, char name[SYMBOLS_NAME_BYTES])
{
    if (reader->next == reader->end || *reader->next > strlen(name))
        return false;
    for (size_t length = *reader->next++; length < SYMBOLS_NAME_BYTES - 1; length++) {
        if (reader->next == reader->end)
            return false;
        uint8_t byte = *reader->next++;
        name[length] = (char)(byte & 0x7F);
        name[length + 1] = '\0';
        if (byte & 0x80)
            return true;
    }
    return false;
}

const char *symbols_find_in(const uint8_t *table, size_t size_bytes, uint32_t position,
                            char name[SYMBOLS_NAME_BYTES], uint32_t *offset)
{
    if (size_bytes < HEADER_BYTES || memcmp(table, "SYM1", 4) != 0)
        return NULL;
    uint32_t count = read32(table + 4);
    uint32_t start = read32(table + 8); // of the function whose name was read last
    struct reader reader = {table + HEADER_BYTES, table + size_bytes};
    if (position < start)
        return NULL;
    name[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance;
        if (!read_distance(&reader, &distance))
            return NULL;
        if (position - start < distance) // the one before was it
            break;
        start += distance;
        if (!read_name(&reader, name))
            return NULL;
    }
    *offset = position - start;
    return name[0] == '\0' ? NULL : name;
}

static const uint8_t *image_table(size_t *size_bytes)
{
    *size_bytes = (uintptr_t)symbols_end - (uintptr_t)symbols_start;
    return (const uint8_t *)symbols_start;
}

static const char *find(uintptr_t address, char name[SYMBOLS_NAME_BYTES], uintptr_t *offset)
{
    if (address < (uintptr_t)text_start || address >= (uintptr_t)text_end)
        return NULL;
    uint32_t found_offset;
    size_t size_bytes;
    const uint8_t *table = image_table(&size_bytes);
    const char *found = symbols_find_in(
        table, size_bytes, (uint32_t)(address - (uintptr_t)image_start), name, &found_offset);
    if (found != NULL)
        *offset = found_offset;
    return found;
}

const char *symbols_find(uintptr_t address, uintptr_t *offset)
{
    static char name[SYMBOLS_NAME_BYTES];
    return find(address, name, offset);
}

uintptr_t symbols_find_start(uintptr_t address)
{
    char name[SYMBOLS_NAME_BYTES];
    uintptr_t offset;
    return find(address, name, &offset) != NULL ? address - offset : 0;
}

void symbols_each(void (*visit)(uint32_t start, const char *name, void *context), void *context)
{
    size_t size_bytes;
    const uint8_t *table = image_table(&size_bytes);
    if (size_bytes < HEADER_BYTES || memcmp(table, "SYM1", 4) != 0)
        return;
    struct reader reader = {table + HEADER_BYTES, table + size_bytes};
    uint32_t start = read32(table + 8), distance;
    char name[SYMBOLS_NAME_BYTES] = "";
    for (uint32_t left = read32(table + 4); left > 0; left--) {
        if (!read_distance(&reader, &distance) || !read_name(&reader, name))
            return;
        start += distance;
        visit(start, name, context);
    }
}
