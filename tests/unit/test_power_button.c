// SPDX-License-Identifier: MIT
// kernel/power_button.c against a fake of a PC's fixed hardware, and kernel/stop.c behind it.
#include "host.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/io_apic.h"
#include "kernel/power.h"
#include "kernel/power_button.h"
#include "kernel/scheduler.h"
#include "kernel/stop.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

#define EVENT   0x600
#define CONTROL 0x604
#define GPE0    0x620
#define COMMAND 0xb2
#define BUTTON  0x100

// ---- the machine --------------------------------------------------------------------------------

static struct {
    uint16_t status, enable, control;
    uint8_t general[4]; // two bytes of status, two to enable
    bool obeys;         // the command turns ACPI mode on
    int route_error;
    unsigned routed_irq;
    bool is_masked;
} machine;
static struct poller *poller;
static void (*handler)(void *context);

void cpu_out8(uint16_t port, uint8_t value)
{
    if (port == COMMAND) {
        assert_int_equal(value, 0x5a);
        machine.control |= machine.obeys;
    } else {
        assert_in_range(port, GPE0 + 2, GPE0 + 3);
        machine.general[port - GPE0] = value;
    }
}

void cpu_out16(uint16_t port, uint16_t value)
{
    if (port == EVENT)
        machine.status &= (uint16_t)~value;
    else if (port == EVENT + 2)
        machine.enable = value;
    else
        fail();
}

uint16_t cpu_in16(uint16_t port)
{
    assert_true(port == EVENT || port == CONTROL);
    return port == EVENT ? machine.status : machine.control;
}

int interrupt_allocate(void (*given)(void *context), void *context)
{
    assert_null(context);
    handler = given;
    return 40;
}

int io_apic_route_sci(const struct acpi_facts *facts, unsigned irq, int vector,
                      struct io_apic_line *line)
{
    (void)facts;
    assert_int_equal(vector, 40);
    machine.routed_irq = irq;
    *line = (struct io_apic_line){NULL, irq, 0};
    return machine.route_error;
}

void io_apic_mask(const struct io_apic_line *line)
{
    assert_int_equal(line->number, machine.routed_irq);
    machine.is_masked = true;
}

PERCORE atomic_bool scheduler_marked;

void scheduler_add_marked_poller(struct poller *added)
{
    poller = added;
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    (void)name;
    entry(argument);
    return (struct thread *)&machine;
}

static struct acpi_facts facts_make(void)
{
    struct acpi_facts facts = {.fadt_bytes = sizeof(facts.fadt)};
    const struct {
        unsigned offset;
        uint32_t value;
    } fields[] = {{46, 9},       {48, COMMAND}, {52, 0x5a}, {56, EVENT},
                  {64, CONTROL}, {80, GPE0},    {88, 4},    {92, 4}};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        memcpy(facts.fadt + fields[i].offset, &fields[i].value, 4);
    memset(&machine, 0, sizeof(machine));
    machine.status = 0x8131; // something of before
    machine.enable = 0x0120;
    memset(machine.general, 0xff, sizeof(machine.general));
    machine.obeys = true;
    poller = NULL;
    scheduler_marked = false;
    host_log_clear();
    return facts;
}

// ---- stopping -----------------------------------------------------------------------------------

static jmp_buf ended;
static unsigned handled;

void power_run_on_core_0(void (*function)(void *argument), void *argument)
{
    function(argument);
}

void power_end(int status)
{
    assert_int_equal(status, 0);
    longjmp(ended, 1);
}

void event_set(struct event *event)
{
    event->is_set = true;
}

// Somebody wishes the end while the app waits for it.
void event_wait(struct event *event)
{
    assert_false(event->is_set);
    stop_request("a test");
    assert_true(event->is_set);
}

static void handle(void)
{
    handled++;
}

// What is kept from wish to wish lasts for all tests of this program: their order counts.
static void who_waits_is_told(void **state)
{
    (void)state;
    stop_set_handler(handle);
    assert_string_equal(stop_wait(), "a test");
    assert_int_equal(handled, 1);
    assert_true(host_log_has("toril: a test asks for the end; a second time does not wait"));
}

static void the_button_is_heard(void **state)
{
    (void)state;
    struct acpi_facts facts = facts_make();
    power_button_start(&facts);
    assert_string_equal(host_log, "");
    assert_int_equal(machine.routed_irq, 9);
    assert_int_equal(machine.control, 1);
    assert_int_equal(machine.status, 0);
    assert_int_equal(machine.enable, BUTTON);
    assert_int_equal(machine.general[0] << 8 | machine.general[2] | machine.general[3], 0xff00);
    assert_false(scheduler_marked);
    assert_false(poller->poll(poller->context));

    machine.status = BUTTON | 1;
    handler(NULL);
    assert_int_equal(machine.status, 1); // only what was heard is taken back
    assert_true(scheduler_marked);
    if (setjmp(ended) == 0) {
        poller->poll(poller->context);
        fail();
    }
    assert_true(
        host_log_has("toril: the power button ends the machine at once")); // the second wish
    assert_int_equal(handled, 1);
    assert_false(poller->poll(poller->context));
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    static const struct {
        unsigned offset;
        uint32_t value;
    } breaks[] = {{112, 1 << 4}, {56, 0}, {56, 0x10000}, {64, 0}, {88, 0}, {88, 2}};
    for (size_t i = 0; i < ARRAY_COUNT(breaks); i++) {
        struct acpi_facts facts = facts_make();
        memcpy(facts.fadt + breaks[i].offset, &breaks[i].value, 4);
        power_button_start(&facts);
        assert_true(host_log_has("power: no power button that could be heard"));
        assert_null(poller);
        assert_int_equal(machine.enable, 0x0120);
    }
    struct acpi_facts facts = facts_make();
    facts.fadt_bytes = 0;
    power_button_start(&facts);
    assert_true(host_log_has("power: no power button"));
    facts = facts_make();
    machine.obeys = false;
    power_button_start(&facts);
    assert_true(host_log_has("power: the power button is not heard: error 110"));
    facts = facts_make();
    machine.route_error = -ENODEV;
    power_button_start(&facts);
    assert_true(host_log_has("power: no power button"));
    assert_int_equal(machine.enable, 0);
}

static void an_interrupt_without_end_is_masked(void **state)
{
    (void)state;
    struct acpi_facts facts = facts_make();
    power_button_start(&facts);
    for (int i = 0; i < 999; i++)
        handler(NULL);
    assert_false(machine.is_masked);
    handler(NULL);
    assert_true(machine.is_masked && scheduler_marked);
    assert_false(poller->poll(poller->context));
    assert_true(host_log_has("power: the power button is not heard any more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_told),
        cmocka_unit_test(the_button_is_heard),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(an_interrupt_without_end_is_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
