// SPDX-License-Identifier: MIT
#include "kernel/io_apic.h"

#include <errno.h>

#include "kernel/apic.h"
#include "kernel/mmio.h"

// Two registers in memory lead to all others.
#define SELECT 0x00
#define WINDOW 0x10

#define REGISTER_VERSION  0x01 // bits 16 to 23: the last redirection entry
#define REGISTER_ENTRY(n) (0x10 + 2 * (n))
#define ENTRY_ACTIVE_LOW  (1u << 13)
#define ENTRY_LEVEL       (1u << 15)
#define ENTRY_MASKED      (1u << 16)
#define DESTINATION_MAX   254

#define FLAGS_POLARITY   3u
#define FLAGS_ACTIVE_LOW 3u
#define FLAGS_TRIGGER    (3u << 2)
#define FLAGS_LEVEL      (3u << 2)

static uint32_t io_apic_read(volatile char *registers, uint32_t number)
{
    mmio_write32(registers + SELECT, number);
    return mmio_read32(registers + WINDOW);
}

static INTERRUPT_CONTEXT void io_apic_write(volatile char *registers, uint32_t number,
                                            uint32_t value)
{
    mmio_write32(registers + SELECT, number);
    mmio_write32(registers + WINDOW, value);
}

static int route(const struct acpi_facts *facts, const struct acpi_isa_interrupt *isa, int vector,
                 struct io_apic_line *line)
{
    if (facts->io_apic_phys == 0 || apic_id() > DESTINATION_MAX)
        return -ENODEV;
    volatile char *registers = mmio_map(facts->io_apic_phys, WINDOW + 4);
    if (registers == NULL)
        return -ENOMEM;
    if (isa->global_number > (io_apic_read(registers, REGISTER_VERSION) >> 16 & 0xff))
        return -ENODEV;
    uint32_t entry = (uint32_t)vector; // fixed delivery to one core by its id, not masked
    if ((isa->flags & FLAGS_POLARITY) == FLAGS_ACTIVE_LOW)
        entry |= ENTRY_ACTIVE_LOW;
    if ((isa->flags & FLAGS_TRIGGER) == FLAGS_LEVEL)
        entry |= ENTRY_LEVEL;
    io_apic_write(registers, REGISTER_ENTRY(isa->global_number) + 1, apic_id() << 24);
    io_apic_write(registers, REGISTER_ENTRY(isa->global_number), entry);
    *line = (struct io_apic_line){registers, isa->global_number, entry};
    return 0;
}

int io_apic_route_isa(const struct acpi_facts *facts, unsigned irq, int vector)
{
    struct io_apic_line line;
    return irq < ARRAY_COUNT(facts->isa_interrupts)
               ? route(facts, &facts->isa_interrupts[irq], vector, &line)
               : -ENODEV;
}

int io_apic_route_sci(const struct acpi_facts *facts, unsigned irq, int vector,
                      struct io_apic_line *line)
{
    struct acpi_isa_interrupt isa = {.global_number = irq};
    if (irq < ARRAY_COUNT(facts->isa_interrupts))
        isa = facts->isa_interrupts[irq];
    if ((isa.flags & FLAGS_POLARITY) == 0)
        isa.flags |= FLAGS_ACTIVE_LOW;
    if ((isa.flags & FLAGS_TRIGGER) == 0)
        isa.flags |= FLAGS_LEVEL;
    return route(facts, &isa, vector, line);
}

INTERRUPT_CONTEXT void io_apic_mask(const struct io_apic_line *line)
{
    io_apic_write(line->registers, REGISTER_ENTRY(line->number), line->entry | ENTRY_MASKED);
}
