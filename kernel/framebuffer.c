// SPDX-License-Identifier: MIT
#include "kernel/framebuffer.h"

#include <string.h>

#include "kernel/font.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/mmio.h"

#define COLUMNS_MAX 160 // more than that is hard to read
#define TAB_COLUMNS 8
#define CHANNEL_INK 0xC0 // light grey on black

// Two pixels at once, on any pixel's address: half the stores, and no reads as with vector moves.
typedef volatile uint64_t __attribute__((aligned(4), may_alias)) pixel_pair;

enum text_state { TEXT_PLAIN, TEXT_ESCAPE, TEXT_ESCAPE_PARAMETERS };

static struct screen {
    struct console_device device;
    uint32_t *pixels;
    uint32_t width, height, pixels_per_line;
    const struct font *font;
    uint32_t scale;                   // a pixel of the font is scale x scale on the screen
    uint32_t cell_width, cell_height; // pixels
    uint32_t columns, rows;
    uint8_t *wanted;                  // characters, row by row
    uint8_t *shown;                   // what the pixels show
    uint32_t column, row;             // of the next character; column == columns: wraps first
    uint32_t first_dirty, last_dirty; // rows to look through; none if first > last
    enum text_state state;
    uint64_t pairs[4]; // two pixels for two bits, the left one the higher bit
} screen;

// ---- drawing ------------------------------------------------------------------------------------

// Line `y` of a character, its leftmost pixel in bit 15.
static uint16_t glyph_line(const struct font *font, uint8_t character, uint32_t y)
{
    uint32_t bit = ((uint32_t)(character - FONT_FIRST) * font->height + y) * font->width;
    const uint8_t *bytes = font->bits + bit / 8;
    uint32_t line = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    return (uint16_t)(line << bit % 8 >> 8 & ~(0xFFFFu >> font->width));
}

// Cells have an even width, so a line of a cell is a number of pairs.
static void draw_line(const struct screen *s, uint32_t *pixels, uint16_t bits)
{
    if (s->scale == 1) {
        for (uint32_t x = 0; x < s->font->width; x += 2)
            *(pixel_pair *)(pixels + x) = s->pairs[bits >> (14 - x) & 3];
        return;
    }
    for (uint32_t x = 0; x < s->font->width; x++)
        for (uint32_t i = 0; i < s->scale; i += 2, pixels += 2)
            *(pixel_pair *)pixels = s->pairs[bits & 0x8000u >> x ? 3 : 0];
}

// Draws only the lines in which the new character differs from the old one.
static void draw_cell(const struct screen *s, uint32_t column, uint32_t row, uint8_t before,
                      uint8_t after)
{
    uint32_t *pixels = s->pixels + (size_t)row * s->cell_height * s->pixels_per_line +
                       (size_t)column * s->cell_width;
    for (uint32_t y = 0; y < s->font->height; y++) {
        uint16_t line = glyph_line(s->font, after, y);
        bool differs = line != glyph_line(s->font, before, y);
        for (uint32_t i = 0; i < s->scale; i++, pixels += s->pixels_per_line)
            if (differs)
                draw_line(s, pixels, line);
    }
}

static void draw_changes(struct screen *s)
{
    for (uint32_t row = s->first_dirty; row <= s->last_dirty && row < s->rows; row++) {
        uint8_t *wanted = s->wanted + (size_t)row * s->columns;
        uint8_t *shown = s->shown + (size_t)row * s->columns;
        for (uint32_t column = 0; column < s->columns; column++) {
            if (wanted[column] == shown[column])
                continue;
            draw_cell(s, column, row, shown[column], wanted[column]);
            shown[column] = wanted[column];
        }
    }
    s->first_dirty = s->rows;
    s->last_dirty = 0;
}

static void clear(const struct screen *s)
{
    for (uint32_t y = 0; y < s->height; y++) {
        uint32_t *line = s->pixels + (size_t)y * s->pixels_per_line;
#pragma GCC unroll 8
        for (uint32_t x = 0; x + 2 <= s->width; x += 2)
            *(pixel_pair *)(line + x) = 0;
        if (s->width % 2 != 0)
            *(volatile uint32_t *)(line + s->width - 1) = 0;
    }
}

// ---- text ---------------------------------------------------------------------------------------

// Moves up by half a screen, so that most lines are drawn twice in their life and not `rows` times.
static void scroll(struct screen *s)
{
    uint32_t step = s->rows > 1 ? s->rows / 2 : 1;
    size_t kept_bytes = (size_t)(s->rows - step) * s->columns;
    memmove(s->wanted, s->wanted + (size_t)step * s->columns, kept_bytes);
    memset(s->wanted + kept_bytes, ' ', (size_t)step * s->columns);
    s->row -= step;
    s->first_dirty = 0;
    s->last_dirty = s->rows - 1;
}

// Scrolling waits for a character to need the new row: a final newline must not push lines out.
static void put_character(struct screen *s, uint8_t character)
{
    if (s->column == s->columns) {
        s->column = 0;
        s->row++;
    }
    while (s->row >= s->rows)
        scroll(s);
    s->wanted[(size_t)s->row * s->columns + s->column++] = character;
    if (s->row < s->first_dirty)
        s->first_dirty = s->row;
    if (s->row > s->last_dirty)
        s->last_dirty = s->row;
}

static void put_control(struct screen *s, uint8_t byte)
{
    switch (byte) {
    case '\n':
        while (s->row >= s->rows)
            scroll(s);
        s->row++;
        s->column = 0;
        break;
    case '\r':
        s->column = 0;
        break;
    case '\b':
        if (s->column > 0)
            s->column--;
        break;
    case '\t':
        do
            put_character(s, ' ');
        while (s->column % TAB_COLUMNS != 0 && s->column < s->columns);
        break;
    case 0x1B:
        s->state = TEXT_ESCAPE;
        break;
    default: // the rest of the control characters, and DEL, show nothing
        break;
    }
}

// Colours and cursor movements are for terminals: the sequence is swallowed.
static void skip_escape(struct screen *s, uint8_t byte)
{
    if (s->state == TEXT_ESCAPE && byte == '[')
        s->state = TEXT_ESCAPE_PARAMETERS;
    else if (s->state == TEXT_ESCAPE || (byte >= 0x40 && byte <= 0x7E) || byte < 0x20)
        s->state = TEXT_PLAIN;
}

static void write_text(struct console_device *device, const char *text, size_t size_bytes)
{
    struct screen *s = CONTAINER_OF(device, struct screen, device);
    for (size_t i = 0; i < size_bytes; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (s->state != TEXT_PLAIN)
            skip_escape(s, byte);
        else if (byte < 0x20 || byte == 0x7F)
            put_control(s, byte);
        else if (byte < 0x80)
            put_character(s, byte);
        else if (byte >= 0xC0) // starts a UTF-8 sequence; the bytes that continue it show nothing
            put_character(s, '?');
    }
    draw_changes(s);
}

// ---- start --------------------------------------------------------------------------------------

// The smallest characters that still leave no more than COLUMNS_MAX to a line.
static void choose_font(struct screen *s)
{
    for (s->scale = 1;; s->scale *= 2) {
        for (size_t i = 0; i < FONT_COUNT; i++) {
            s->font = &fonts[i];
            s->cell_width = s->font->width * s->scale;
            s->cell_height = s->font->height * s->scale;
            if (s->width / s->cell_width <= COLUMNS_MAX)
                return;
        }
    }
}

static const char *find_fault(const struct framebuffer_info *info)
{
    if (info->width == 0 || info->height == 0 || info->width > FRAMEBUFFER_PIXELS_MAX ||
        info->height > FRAMEBUFFER_PIXELS_MAX)
        return "senseless size";
    if (info->pixels_per_line < info->width || info->pixels_per_line > 2 * FRAMEBUFFER_PIXELS_MAX)
        return "senseless line length";
    if (info->base_phys % 4 != 0 || info->red_shift > 24 || info->green_shift > 24 ||
        info->blue_shift > 24)
        return "senseless pixel format";
    if (info->size_bytes / 4 < (uint64_t)(info->height - 1) * info->pixels_per_line + info->width)
        return "its memory is too small for its size";
    if (info->width < fonts[0].width || info->height < fonts[0].height)
        return "too small for a character";
    return NULL;
}

struct console_device *framebuffer_start(const struct framebuffer_info *info)
{
    struct screen *s = &screen;
    if (info->base_phys == 0)
        return NULL;
    const char *fault = find_fault(info);
    if (fault != NULL) {
        log_warn("console: screen of %u x %u pixels not used: %s", (unsigned)info->width,
                 (unsigned)info->height, fault);
        return NULL;
    }
    memset(s, 0, sizeof(*s));
    s->width = info->width;
    s->height = info->height;
    s->pixels_per_line = info->pixels_per_line;
    choose_font(s);
    s->columns = s->width / s->cell_width;
    s->rows = s->height / s->cell_height;
    if (s->rows == 0) { // wide and flat: small characters are better than none
        s->font = &fonts[0];
        s->scale = 1;
        s->cell_width = s->font->width;
        s->cell_height = s->font->height;
        s->columns = s->width / s->cell_width;
        s->rows = s->height / s->cell_height;
    }
    size_t cells = (size_t)s->columns * s->rows;
    size_t used_bytes = ((size_t)(s->height - 1) * s->pixels_per_line + s->width) * 4;
    s->wanted = heap_alloc(2 * cells);
    s->pixels = s->wanted == NULL ? NULL : mmio_map_framebuffer(info->base_phys, used_bytes);
    if (s->pixels == NULL) {
        log_warn("console: screen of %u x %u pixels not used: out of memory", (unsigned)s->width,
                 (unsigned)s->height);
        heap_free(s->wanted);
        return NULL;
    }
    s->shown = s->wanted + cells;
    memset(s->wanted, ' ', 2 * cells);
    s->first_dirty = s->rows;
    uint64_t ink = (uint32_t)CHANNEL_INK << info->red_shift |
                   (uint32_t)CHANNEL_INK << info->green_shift |
                   (uint32_t)CHANNEL_INK << info->blue_shift;
    s->pairs[1] = ink << 32; // little-endian: the right pixel is the upper half
    s->pairs[2] = ink;
    s->pairs[3] = ink << 32 | ink;
    clear(s);
    s->device = (struct console_device){"screen", write_text, NULL};
    log_info("console: screen of %u x %u pixels, %u columns, %u lines", (unsigned)s->width,
             (unsigned)s->height, (unsigned)s->columns, (unsigned)s->rows);
    return &s->device;
}
