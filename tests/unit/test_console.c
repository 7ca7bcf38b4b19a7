// SPDX-License-Identifier: MIT
// All consoles against fake hardware: a 16550 that keeps book of what it could not take, a debug
// port, and a frame buffer of exactly its size, compared pixel by pixel with a rendering of its
// own.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// log.c itself is under test here, beside the host's log: it goes by other names.
#define log_error      real_log_error
#define log_warn       real_log_warn
#define log_info       real_log_info
#define log_debug_line real_log_debug_line
#define log_debug_on   real_log_debug_on
#include "kernel/log.c"
#undef log_error
#undef log_warn
#undef log_info
#undef log_debug_line
#undef log_debug_on

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/debugport.h"
#include "kernel/font.h"
#include "kernel/framebuffer.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/serial.h"

PERCORE unsigned core_this_index;
unsigned core_online_count = 4;

static uint64_t now_ns;
uint64_t time_now_ns(void)
{
    return now_ns;
}

// ---- fake ports ---------------------------------------------------------------------------------

struct fake_uart {
    bool present, loopback_broken, scratch_broken, fifo_missing, stuck;
    uint8_t registers[8];
    uint8_t loopback_byte;
    bool data_ready, fifo_on;
    unsigned held, polls_until_empty;
    size_t overruns, polls;
    char sent[65536];
    size_t sent_bytes;
};

static struct fake_uart uarts[2]; // at 0x3F8 and 0x2F8
static bool debugport_present;
static char debugport_text[65536];
static size_t debugport_bytes;

static struct fake_uart *uart_at(uint16_t port)
{
    return port >= 0x3F8 && port <= 0x3FF   ? &uarts[0]
           : port >= 0x2F8 && port <= 0x2FF ? &uarts[1]
                                            : NULL;
}

static void uart_send(struct fake_uart *uart, uint8_t value)
{
    if (uart->registers[4] & 0x10) { // loopback
        uart->loopback_byte = value;
        uart->data_ready = !uart->loopback_broken;
        return;
    }
    if (++uart->held > (uart->fifo_on ? 16u : 1u))
        uart->overruns++;
    uart->polls_until_empty = 5;
    if (uart->sent_bytes < sizeof(uart->sent))
        uart->sent[uart->sent_bytes++] = (char)value;
}

void cpu_out8(uint16_t port, uint8_t value)
{
    struct fake_uart *uart = uart_at(port);
    if (port == 0xE9 && debugport_present)
        debugport_text[debugport_bytes++] = (char)value;
    if (uart == NULL || !uart->present)
        return;
    bool divisor_access = uart->registers[3] & 0x80;
    if (port % 8 == 0 && !divisor_access)
        uart_send(uart, value);
    else if (port % 8 == 2)
        uart->fifo_on = (value & 1) && !uart->fifo_missing;
    else if (port % 8 != 7 || !uart->scratch_broken)
        uart->registers[port % 8] = value;
}

static uint8_t uart_status(struct fake_uart *uart)
{
    uart->polls++;
    if (uart->held > 0 && !uart->stuck && uart->polls_until_empty-- == 0)
        uart->held = 0;
    return (uint8_t)((uart->held == 0 ? 0x60 : 0) | (uart->data_ready ? 1 : 0));
}

uint8_t cpu_in8(uint16_t port)
{
    struct fake_uart *uart = uart_at(port);
    if (port == 0xE9 && debugport_present)
        return 0xE9;
    if (uart == NULL || !uart->present)
        return 0xFF;
    switch (port % 8) {
    case 0:
        uart->data_ready = false;
        return uart->loopback_byte;
    case 2:
        return uart->fifo_on ? 0xC1 : 0x01;
    case 5:
        return uart_status(uart);
    default:
        return uart->registers[port % 8];
    }
}

static void assert_sent(const struct fake_uart *uart, const char *expected)
{
    assert_int_equal(uart->overruns, 0);
    assert_int_equal(uart->sent_bytes, strlen(expected));
    assert_memory_equal(uart->sent, expected, uart->sent_bytes);
}

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

static uint32_t random_next(void)
{
    static uint64_t random_state = 0x2545F4914F6CDD1D;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static void random_line(char *line, size_t longest)
{
    size_t length = random_next() % longest;
    for (size_t i = 0; i < length; i++)
        line[i] = (char)(' ' + random_next() % 95);
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
            bytes[i] = random_next() % 4 ? (char)random_next() : "\n\t\b\r\x1B["[random_next() % 6];
        fake.device->write(fake.device, bytes, random_next() % (sizeof(bytes) + 1));
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

// ---- serial port --------------------------------------------------------------------------------

// Ports are found once; the test order below counts on COM1 being found by the first good case.
static void ports_without_a_working_uart(void **state)
{
    (void)state;
    assert_null(serial_find(0x3F8)); // nothing there
    uarts[0] = (struct fake_uart){.present = true, .loopback_broken = true};
    assert_null(serial_find(0x3F8));
    assert_true(uarts[0].polls < 100000); // and it did not wait for ever
    uarts[0] = (struct fake_uart){.present = true, .scratch_broken = true};
    assert_null(serial_find(0x3F8));
    assert_int_equal(uarts[0].sent_bytes, 0);
}

static void console_finds_ports_and_writes(void **state)
{
    (void)state;
    debugport_present = true;
    uarts[0] = (struct fake_uart){.present = true};
    console_start();
    console_start_serial(0);     // ACPI names none
    console_start_serial(0x3F8); // or the one that is known
    console_write("Hello\nfrom ring 0, in more than sixteen bytes\n", 46);
    assert_sent(&uarts[0], "Hello\r\nfrom ring 0, in more than sixteen bytes\r\n");
    assert_int_equal(uarts[0].registers[3], 0x03); // 8N1, the divisor out of the way
    assert_int_equal(uarts[0].registers[4], 0x03); // no loopback
    assert_int_equal(uarts[0].registers[1], 0);    // no interrupts
    assert_int_equal(debugport_bytes, 46);
    assert_memory_equal(debugport_text, "Hello\nfrom", 10);
    assert_true(uarts[0].fifo_on);
}

static void late_console_repeats_what_was_written(void **state)
{
    (void)state;
    uarts[1] = (struct fake_uart){.present = true, .fifo_missing = true};
    console_start_serial(0x2F8);
    assert_sent(&uarts[1], "Hello\r\nfrom ring 0, in more than sixteen bytes\r\n");
    console_write("x\n", 2);
    assert_int_equal(uarts[1].sent_bytes, 51);
    assert_int_equal(uarts[1].overruns, 0);
    assert_null(serial_find(0x2F8));
}

static void stuck_port_holds_nobody_up(void **state)
{
    (void)state;
    uarts[1].stuck = true;
    uarts[1].held = 1;
    uarts[1].sent_bytes = uarts[0].sent_bytes = uarts[1].polls = 0;
    console_write("lost\n", 5);
    assert_in_range(uarts[1].polls, 1000, 100000);
    uarts[1].polls = 0;
    for (int i = 0; i < 100; i++)
        console_write("lost\n", 5);
    assert_in_range(uarts[1].polls, 100, 200); // one look each
    assert_int_equal(uarts[1].sent_bytes, 0);
    assert_int_equal(uarts[0].sent_bytes, 101 * 6); // the other port got it all
    uarts[1].stuck = false;
    uarts[1].held = 0;
    console_write("back\n", 5);
    assert_sent(&uarts[1], "\r\n[serial port: 505 bytes lost]\r\nback\r\n");
}

static void bytes_come_in(void **state)
{
    (void)state;
    assert_int_equal(serial_input_irq(), 4); // of the port found first
    uarts[0].loopback_byte = 'f';            // typed at the firmware: not for us
    uarts[0].data_ready = true;
    serial_input_start();
    assert_int_equal(uarts[0].registers[1], 0x01); // for data that came in only
    assert_int_equal(uarts[0].registers[4], 0x0B); // ready, and the gate of the interrupt open
    assert_int_equal(serial_input_take(), -EAGAIN);
    uarts[0].loopback_byte = 0xFF;
    uarts[0].data_ready = true;
    assert_int_equal(serial_input_take(), 0xFF);
    assert_int_equal(serial_input_take(), -EAGAIN);
    uarts[0].sent_bytes = 0;
    console_write("on\n", 3); // and sending goes on
    assert_sent(&uarts[0], "on\r\n");
}

// ---- the list -----------------------------------------------------------------------------------

struct recorder {
    struct console_device device;
    char text[32768];
    size_t size_bytes;
    bool panics;
};

static void record(struct console_device *device, const char *text, size_t size_bytes)
{
    struct recorder *recorder = CONTAINER_OF(device, struct recorder, device);
    if (recorder->panics)
        longjmp(host_panic_jump, 1);
    assert_true(size_bytes <= sizeof(recorder->text) - recorder->size_bytes);
    memcpy(recorder->text + recorder->size_bytes, text, size_bytes);
    recorder->size_bytes += size_bytes;
}

static struct recorder recorders[4] = {{{"0", record, NULL}, "", 0, false},
                                       {{"1", record, NULL}, "", 0, false},
                                       {{"2", record, NULL}, "", 0, false},
                                       {{"3", record, NULL}, "", 0, false}};

static void only_the_last_text_is_kept(void **state)
{
    (void)state;
    static char all[3 * CONSOLE_KEPT_BYTES];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)('a' + random_next() % 26);
    uarts[0].present = uarts[1].present = debugport_present = false;
    size_t written = 0;
    while (written + 3000 < sizeof(all)) {
        size_t size_bytes = random_next() % 3000;
        console_write(all + written, size_bytes);
        written += size_bytes;
    }
    console_add(&recorders[0].device);
    assert_int_equal(recorders[0].size_bytes, CONSOLE_KEPT_BYTES);
    assert_memory_equal(recorders[0].text, all + written - CONSOLE_KEPT_BYTES, CONSOLE_KEPT_BYTES);

    recorders[0].size_bytes = 0;
    console_write(all, 20000); // more than is kept, at once
    console_add(&recorders[1].device);
    assert_int_equal(recorders[0].size_bytes, 20000);
    assert_int_equal(recorders[1].size_bytes, CONSOLE_KEPT_BYTES);
    assert_memory_equal(recorders[1].text, all + 20000 - CONSOLE_KEPT_BYTES, CONSOLE_KEPT_BYTES);
}

static char forwarded[100];

static void forward(const char *text, size_t size_bytes)
{
    strncat(forwarded, text, size_bytes);
}

static void other_cores_forward(void **state)
{
    (void)state;
    recorders[0].size_bytes = 0;
    core_this_index = 2;
    console_write("too early", 9);
    console_set_forward(forward);
    console_write("from core 2", 11);
    assert_int_equal(recorders[0].size_bytes, 0);
    assert_string_equal(forwarded, "from core 2");
    console_write_panic("panic", 5); // does not go through core 0
    assert_int_equal(recorders[0].size_bytes, 5);
    core_this_index = 0;
    console_write("core 0", 6);
    assert_string_equal(forwarded, "from core 2");
    assert_int_equal(recorders[0].size_bytes, 11);
}

static void console_that_fails_in_a_panic_is_left_out(void **state)
{
    (void)state;
    console_add(&recorders[2].device); // between others
    console_add(&recorders[3].device);
    recorders[0].size_bytes = recorders[1].size_bytes = recorders[3].size_bytes = 0;
    recorders[2].panics = true;
    if (setjmp(host_panic_jump) == 0)
        console_write_panic("panic: first", 12);
    else
        console_write_panic("panic: again", 12);
    assert_int_equal(recorders[0].size_bytes, 12);
    assert_int_equal(recorders[1].size_bytes, 12);
    assert_int_equal(recorders[3].size_bytes, 24);
    console_write_panic("more", 4);
    assert_int_equal(recorders[0].size_bytes, 16);
}

static bool shows_errors(const char *format, enum log_level level)
{
    assert_true(format[0] == 'n' || format[0] == 'd');
    return level == LOG_ERROR;
}

static void log_lines(void **state)
{
    (void)state;
    recorders[2].panics = false;
    recorders[0].size_bytes = 0;
    now_ns = 12345678901;
    real_log_info("net: %d of %s", 3, "four");
    real_log_warn("disk: slow");
    real_log_error("disk: gone");
    real_log_debug_line("disk: is it?");
    assert_memory_equal(recorders[0].text,
                        "[   12.345] net: 3 of four\n[   12.345] warning: disk: slow\n"
                        "[   12.345] error: disk: gone\n[   12.345] debug: disk: is it?\n",
                        recorders[0].size_bytes);
    recorders[0].size_bytes = 0;
    log_shows = shows_errors;
    real_log_info("net: %d of %s", 3, "four");
    real_log_error("disk: gone");
    log_shows = NULL;
    assert_memory_equal(recorders[0].text, "[   12.345] error: disk: gone\n",
                        recorders[0].size_bytes);
    recorders[0].size_bytes = 0;
    real_log_info("%0600d", 7);
    assert_int_equal(recorders[0].size_bytes, LOG_LINE_MAX);
    assert_memory_equal(recorders[0].text + LOG_LINE_MAX - 5, "0...\n", 5);
    recorders[0].size_bytes = 0;
    now_ns = 0;
    char exact[LOG_LINE_MAX];
    memset(exact, 'y', sizeof(exact));
    exact[LOG_LINE_MAX - 1 - strlen("[    0.000] ")] = '\0'; // the longest that is whole
    real_log_info("%s", exact);
    assert_int_equal(recorders[0].size_bytes, LOG_LINE_MAX);
    assert_memory_equal(recorders[0].text + LOG_LINE_MAX - 5, "yyyy\n", 5);
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
        cmocka_unit_test(ports_without_a_working_uart),
        cmocka_unit_test(console_finds_ports_and_writes),
        cmocka_unit_test(late_console_repeats_what_was_written),
        cmocka_unit_test(stuck_port_holds_nobody_up),
        cmocka_unit_test(bytes_come_in),
        cmocka_unit_test(only_the_last_text_is_kept),
        cmocka_unit_test(other_cores_forward),
        cmocka_unit_test(console_that_fails_in_a_panic_is_left_out),
        cmocka_unit_test(log_lines),
    };
    make_fonts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
