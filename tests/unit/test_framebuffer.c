// SPDX-License-Identifier: MIT
// The console on the screen: a frame buffer of exactly its size, compared pixel by pixel with a
// rendering of its own.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/font.h"
#include "kernel/framebuffer.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "seeded.h"

// ---- fake screen --------------------------------------------------------------------------------

#define SCRIBBLE 0x5A5A5A5Au
#define INK      0x00C0C0C0u

// Every row of every character is different, so that no mix-up goes unseen; the blank is blank.
static uint16_t rows_8[95 * 16], rows_12[95 * 24]; // leftmost pixel in bit 15
static uint8_t bits_8[95 * 16 + 2], bits_12[95 * 24 * 12 / 8 + 2];
static uint16_t *const rows_of[FONT_COUNT] = {rows_8, rows_12};
const struct font fonts[FONT_COUNT] = {{8, 16, bits_8}, {12, 24, bits_12}};

static void make_fonts(void)
{
    for (size_t i = 16; i < ARRAY_COUNT(rows_8); i++) {
        rows_8[i] = (uint16_t)((i * 37 & 0xFF) << 8);
        bits_8[i] = (uint8_t)(i * 37);
    }
    for (size_t i = 24; i < ARRAY_COUNT(rows_12); i++) {
        rows_12[i] = (uint16_t)((i * 1237 & 0xFFF) << 4);
        for (size_t bit = 0; bit < 12; bit++)
            if (rows_12[i] & 0x8000u >> bit)
                bits_12[(i * 12 + bit) / 8] |= (uint8_t)(0x80u >> (i * 12 + bit) % 8);
    }
}

static struct {
    uint32_t *pixels;
    size_t count;
    uint32_t width, height, stride, cell_width, cell_height, columns, rows, scale;
    int font;
    char grid[400][512];
    uint32_t column, row;
    struct console_device *device;
} fake;

static bool memory_is_short;
static void *heap_block;

void *heap_alloc(size_t size_bytes)
{
    heap_block = memory_is_short ? NULL : malloc(size_bytes);
    return heap_block;
}

void heap_free(void *block)
{
    free(block);
    heap_block = NULL;
}

void *mmio_map_framebuffer(uint64_t phys, size_t size_bytes)
{
    assert_int_equal(phys, 0x80000000);
    fake.count = size_bytes / 4;
    fake.pixels = malloc(size_bytes);
    for (size_t i = 0; i < fake.count; i++)
        fake.pixels[i] = SCRIBBLE;
    return fake.pixels;
}

static struct framebuffer_info screen_info(uint32_t width, uint32_t height, uint32_t stride)
{
    return (struct framebuffer_info){.base_phys = 0x80000000,
                                     .size_bytes = (uint64_t)stride * height * 4,
                                     .width = width,
                                     .height = height,
                                     .pixels_per_line = stride,
                                     .red_shift = 16,
                                     .green_shift = 8,
                                     .blue_shift = 0};
}

static void screen_stop(void)
{
    heap_free(heap_block);
    free(fake.pixels);
    memset(&fake, 0, sizeof(fake));
}

static void screen_start(uint32_t width, uint32_t height, uint32_t stride, int font, uint32_t scale)
{
    struct framebuffer_info info = screen_info(width, height, stride);
    fake.width = width;
    fake.height = height;
    fake.stride = stride;
    fake.font = font;
    fake.scale = scale;
    fake.cell_width = fonts[font].width * scale;
    fake.cell_height = fonts[font].height * scale;
    fake.columns = width / fake.cell_width;
    fake.rows = height / fake.cell_height;
    memset(fake.grid, ' ', sizeof(fake.grid));
    fake.device = framebuffer_start(&info);
    assert_non_null(fake.device);
}

static void screen_write(const char *text)
{
    fake.device->write(fake.device, text, strlen(text));
}

static uint32_t expected_pixel(uint32_t x, uint32_t y)
{
    if (x >= fake.width)
        return SCRIBBLE; // between the lines: not ours
    uint32_t column = x / fake.cell_width, row = y / fake.cell_height;
    if (column >= fake.columns || row >= fake.rows)
        return 0;
    uint32_t line = y % fake.cell_height / fake.scale, bit = x % fake.cell_width / fake.scale;
    uint8_t character = (uint8_t)fake.grid[row][column];
    uint16_t bits = rows_of[fake.font][(character - 0x20) * fonts[fake.font].height + line];
    return bits & 0x8000u >> bit ? INK : 0;
}

// `or_scribble`: a pixel may also be as the test left it.
static void assert_screen(bool or_scribble)
{
    for (uint32_t y = 0; y < fake.height; y++)
        for (uint32_t x = 0; x < fake.stride && (size_t)y * fake.stride + x < fake.count; x++) {
            uint32_t pixel = fake.pixels[(size_t)y * fake.stride + x];
            if (pixel != expected_pixel(x, y) && !(or_scribble && pixel == SCRIBBLE))
                fail_msg("pixel %u, %u is %#x instead of %#x", x, y, pixel, expected_pixel(x, y));
        }
}

static void expect_row(uint32_t row, const char *text)
{
    memset(fake.grid[row], ' ', sizeof(fake.grid[row]));
    memcpy(fake.grid[row], text, strlen(text));
}

// What a plain line of text does to the grid, written once more and differently.
static void model_scroll(void)
{
    uint32_t step = fake.rows / 2 > 0 ? fake.rows / 2 : 1;
    for (uint32_t i = 0; i < fake.rows; i++) {
        if (i + step < fake.rows)
            memcpy(fake.grid[i], fake.grid[i + step], sizeof(fake.grid[i]));
        else
            memset(fake.grid[i], ' ', sizeof(fake.grid[i]));
    }
    fake.row -= step;
}

static void model_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text != '\n' && fake.column == fake.columns) {
            fake.column = 0;
            fake.row++;
        }
        while (fake.row >= fake.rows)
            model_scroll();
        if (*text == '\n') {
            fake.column = 0;
            fake.row++;
        } else {
            fake.grid[fake.row][fake.column++] = *text;
        }
    }
}

// ---- screen -------------------------------------------------------------------------------------

static void screens_of_all_sizes(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height, stride;
        int font;
        uint32_t scale, columns, rows;
    } cases[] = {
        {640, 480, 640, 0, 1, 80, 30},
        {800, 600, 832, 0, 1, 100, 37},
        {1280, 800, 1280, 0, 1, 160, 50},
        {1366, 768, 1376, 1, 1, 113, 32},
        {1920, 1080, 1920, 1, 1, 160, 45},
        {2560, 400, 2560, 0, 2, 160, 12},
        {3840, 2160, 3840, 1, 2, 160, 45},
        {5120, 300, 5120, 0, 4, 160, 4},
        {100, 50, 100, 0, 1, 12, 3},
        {101, 51, 107, 0, 1, 12, 3},
        {8, 16, 8, 0, 1, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        host_log_clear();
        screen_start(cases[i].width, cases[i].height, cases[i].stride, cases[i].font,
                     cases[i].scale);
        char line[100];
        snprintf(line, sizeof(line), "%u columns, %u lines", cases[i].columns, cases[i].rows);
        assert_true(host_log_has(line));
        assert_screen(false); // cleared, and nothing but the screen
        screen_write("Hello, ring 0!\n~\n");
        model_text("Hello, ring 0!\n~\n");
        assert_screen(false);
        screen_stop();
    }
}

static void lines_wrap_and_controls_work(void **state)
{
    (void)state;
    screen_start(100, 100, 100, 0, 1); // 12 columns, 6 rows
    screen_write("exactly 12 c\nnext");
    expect_row(0, "exactly 12 c");
    expect_row(1, "next");
    assert_screen(false);
    screen_write("\r\ta\b\b\tx\n\x1B[1;31mred\x1B[0m\x1B"
                 "cno\x07\x7F");
    // back to the start: the tab blanks 8 columns, 'a', two back, a tab from 7 to 8, 'x'
    expect_row(1, "        x");
    expect_row(2, "redno");
    screen_write("\na\xC3\xA4z \xE2\x82\xAC. it goes on");
    expect_row(3, "a?z ?. it go");
    expect_row(4, "es on");
    assert_screen(false);
    screen_stop();
}

static void other_pixel_format(void **state)
{
    (void)state;
    struct framebuffer_info info = screen_info(100, 50, 100);
    info.red_shift = 24;
    info.green_shift = 16;
    info.blue_shift = 8;
    fake.device = framebuffer_start(&info);
    screen_write("A");
    size_t inked = 0;
    for (size_t i = 0; i < fake.count; i++) {
        assert_true(fake.pixels[i] == 0 || fake.pixels[i] == 0xC0C0C000u);
        inked += fake.pixels[i] != 0;
    }
    size_t expected = 0;
    for (int i = 0; i < 16; i++)
        expected += (size_t)__builtin_popcount(rows_8[('A' - 0x20) * 16 + i]);
    assert_int_equal(inked, expected);
    screen_stop();
}

static void random_line(char *line, size_t longest)
{
    size_t length = random_below(longest);
    for (size_t i = 0; i < length; i++)
        line[i] = (char)(' ' + random_below(95));
    line[length] = '\n';
    line[length + 1] = '\0';
}

static void screen_scrolls_for_a_day(void **state)
{
    (void)state;
    static const uint32_t sizes[][3] = {{640, 480, 1500}, {100, 50, 86400}, {100, 16, 500}};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        screen_start(sizes[i][0], sizes[i][1], sizes[i][0] + 1, 0, 1);
        for (uint32_t n = 0; n < sizes[i][2]; n++) {
            char line[202];
            random_line(line, i == 1 ? 14 : 200);
            screen_write(line);
            model_text(line);
            if (n % 499 == 0)
                assert_screen(false);
        }
        assert_screen(false);
        screen_stop();
    }
}

// What is in video memory makes no difference: it is not read.
static void video_memory_is_only_written(void **state)
{
    (void)state;
    screen_start(320, 200, 320, 0, 1);
    for (int n = 0; n < 200; n++) {
        for (size_t i = 0; i < fake.count; i++)
            fake.pixels[i] = SCRIBBLE;
        char line[102];
        random_line(line, 100);
        screen_write(line);
        model_text(line);
        assert_screen(true);
    }
    screen_stop();
}

static void random_bytes_stay_on_the_screen(void **state)
{
    (void)state;
    screen_start(203, 101, 207, 0, 1);
    for (int n = 0; n < 3000; n++) {
        char bytes[64];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = random_below(4) ? (char)random_below(256) : "\n\t\b\r\x1B["[random_below(6)];
        fake.device->write(fake.device, bytes, random_below(sizeof(bytes) + 1));
    }
    for (uint32_t y = 0; y + 1 < fake.height; y++) // the sanitizer has watched the ends
        for (uint32_t x = fake.width; x < fake.stride; x++)
            assert_int_equal(fake.pixels[y * fake.stride + x], SCRIBBLE);
    screen_stop();
}

static void senseless_screens_are_refused(void **state)
{
    (void)state;
    struct framebuffer_info info = screen_info(640, 480, 640);
    info.base_phys = 0;
    host_log_clear();
    assert_null(framebuffer_start(&info));
    assert_string_equal(host_log, ""); // a machine without a screen is no mistake

    static const struct {
        uint32_t width, height, stride;
        uint64_t size_bytes;
        const char *complaint;
    } cases[] = {
        {0, 480, 640, 9999999, "senseless size"},
        {640, 0, 640, 9999999, "senseless size"},
        {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, UINT64_MAX, "senseless size"},
        {640, 480, 639, 9999999, "senseless line length"},
        {640, 480, 0xFFFFFFFF, UINT64_MAX, "senseless line length"},
        {640, 480, 640, 640 * 480 * 4 - 1, "memory is too small"},
        {7, 480, 640, 9999999, "too small for a character"},
        {640, 15, 640, 9999999, "too small for a character"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        info = screen_info(cases[i].width, cases[i].height, cases[i].stride);
        info.size_bytes = cases[i].size_bytes;
        host_log_clear();
        assert_null(framebuffer_start(&info));
        assert_true(host_log_has(cases[i].complaint));
    }
    info = screen_info(640, 480, 640);
    info.red_shift = 25;
    assert_null(framebuffer_start(&info));
    memory_is_short = true;
    info = screen_info(640, 480, 640);
    assert_null(framebuffer_start(&info));
    assert_true(host_log_has("out of memory"));
    memory_is_short = false;
    screen_start(4000, 20, 4000, 0, 1); // flat: the large characters would not fit
    screen_write("x");
    expect_row(0, "x");
    assert_screen(false);
    screen_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_of_all_sizes),
        cmocka_unit_test(lines_wrap_and_controls_work),
        cmocka_unit_test(other_pixel_format),
        cmocka_unit_test(screen_scrolls_for_a_day),
        cmocka_unit_test(video_memory_is_only_written),
        cmocka_unit_test(random_bytes_stay_on_the_screen),
        cmocka_unit_test(senseless_screens_are_refused),
    };
    random_state = 0x2545F4914F6CDD1D;
    make_fonts();
    return cmocka_run_group_tests_name("framebuffer", tests, NULL, NULL);
}
