// SPDX-License-Identifier: MIT
// The consoles there may be and the log on them, against fake ports: a 16550 that keeps book of
// what it could not take, and a debug port.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// log.c itself is under test here, beside the host's log: it goes by other names.
#define log_error      real_log_error
#define log_error_once real_log_error_once
#define log_warn       real_log_warn
#define log_info       real_log_info
#define log_debug_line real_log_debug_line
#define log_debug_on   real_log_debug_on
#include "kernel/log.c"
#undef log_error
#undef log_error_once
#undef log_warn
#undef log_info
#undef log_debug_line
#undef log_debug_on

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/debugport.h"
#include "kernel/framebuffer.h"
#include "kernel/serial.h"
#include "seeded.h"

PERCORE unsigned core_this_index;

static uint64_t now_ns;
uint64_t time_now_ns(void)
{
    return now_ns;
}

struct console_device *framebuffer_start(const struct framebuffer_info *info)
{
    (void)info;
    return NULL; // test_framebuffer.c has it
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
        all[i] = (char)('a' + random_below(26));
    uarts[0].present = uarts[1].present = debugport_present = false;
    size_t written = 0;
    while (written + 3000 < sizeof(all)) {
        size_t size_bytes = random_below(3000);
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

static bool *forwarded_written;

static void forward(bool *written, const char *text, size_t size_bytes)
{
    forwarded_written = written;
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
    assert_null(forwarded_written);
    console_write_panic("panic", 5); // does not go through core 0
    assert_int_equal(recorders[0].size_bytes, 5);
    core_this_index = 0;
    console_write("core 0", 6);
    assert_string_equal(forwarded, "from core 2");
    assert_int_equal(recorders[0].size_bytes, 11);
}

static void what_several_cores_say_is_written_once(void **state)
{
    (void)state;
    bool written = false;
    recorders[0].size_bytes = 0;
    forwarded[0] = '\0';
    core_this_index = 2; // who cannot know what core 0 wrote
    console_write_once(&written, "the end", 7);
    assert_string_equal(forwarded, "the end");
    assert_ptr_equal(forwarded_written, &written);
    assert_false(written);
    core_this_index = 0;
    real_log_error_once(&written, "disk: gone");
    assert_true(written);
    size_t size_bytes = recorders[0].size_bytes;
    assert_int_not_equal(size_bytes, 0);
    console_write_once(forwarded_written, "the end", 7);
    real_log_error_once(&written, "disk: gone");
    assert_int_equal(recorders[0].size_bytes, size_bytes);
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
    random_state = 0x2545F4914F6CDD1D;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_without_a_working_uart),
        cmocka_unit_test(console_finds_ports_and_writes),
        cmocka_unit_test(late_console_repeats_what_was_written),
        cmocka_unit_test(stuck_port_holds_nobody_up),
        cmocka_unit_test(bytes_come_in),
        cmocka_unit_test(only_the_last_text_is_kept),
        cmocka_unit_test(other_cores_forward),
        cmocka_unit_test(what_several_cores_say_is_written_once),
        cmocka_unit_test(console_that_fails_in_a_panic_is_left_out),
        cmocka_unit_test(log_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
