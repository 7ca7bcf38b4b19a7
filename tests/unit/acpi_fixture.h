// SPDX-License-Identifier: MIT
// Tables built by hand, like those of a small real machine. Physical memory is one array of which
// only what the parser has mapped is readable: the sanitizer catches every byte read beyond.
// Included once a program.
#pragma once

#include "host.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <string.h>

#include "kernel/acpi.h"

#define MEMORY_PHYS  0x1000u
#define MEMORY_BYTES 65536u
#define RSDP_PHYS    0x1000u
#define RSDT_PHYS    0x1040u
#define XSDT_PHYS    0x10C0u
#define TABLES_PHYS  0x1200u

static _Alignas(16) uint8_t memory[MEMORY_BYTES];
static uint8_t image[MEMORY_BYTES]; // what `memory` is built from; never poisoned
static size_t image_used;           // of the tables, from TABLES_PHYS on
static uint64_t tables[16];
static size_t table_count;
static struct acpi_facts facts;

static inline uint8_t *at(uint64_t phys)
{
    return image + (phys - MEMORY_PHYS);
}

static inline void put(uint64_t phys, uint64_t value, size_t size_bytes)
{
    memcpy(at(phys), &value, size_bytes);
}

static inline void fix_checksum(uint64_t phys, size_t size_bytes, size_t checksum_offset)
{
    uint8_t sum = 0;
    at(phys)[checksum_offset] = 0;
    for (size_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + at(phys)[i]);
    at(phys)[checksum_offset] = (uint8_t)-sum;
}

static inline uint64_t put_table_at(uint64_t phys, const char *name, const void *body,
                                    size_t body_bytes)
{
    memset(at(phys), 0, 36);
    memcpy(at(phys), name, 4);
    put(phys + 4, 36 + body_bytes, 4);
    memcpy(at(phys + 36), body, body_bytes);
    fix_checksum(phys, 36 + body_bytes, 9);
    return phys;
}

static inline uint64_t put_table(const char *name, const void *body, size_t body_bytes)
{
    uint64_t phys = put_table_at(TABLES_PHYS + image_used, name, body, body_bytes);
    image_used += (36 + body_bytes + 15) & ~(size_t)15;
    tables[table_count++] = phys;
    return phys;
}

static inline void put_roots(uint8_t revision)
{
    uint8_t body[16 * 8] = {0};
    for (size_t i = 0; i < table_count; i++)
        memcpy(body + i * 4, &tables[i], 4);
    put_table_at(RSDT_PHYS, "RSDT", body, table_count * 4);
    for (size_t i = 0; i < table_count; i++)
        memcpy(body + i * 8, &tables[i], 8);
    put_table_at(XSDT_PHYS, "XSDT", body, table_count * 8);

    memset(at(RSDP_PHYS), 0, 36);
    memcpy(at(RSDP_PHYS), "RSD PTR ", 8);
    at(RSDP_PHYS)[15] = revision;
    put(RSDP_PHYS + 16, RSDT_PHYS, 4);
    put(RSDP_PHYS + 20, 36, 4);
    put(RSDP_PHYS + 24, XSDT_PHYS, 8);
    fix_checksum(RSDP_PHYS, 20, 8);
    fix_checksum(RSDP_PHYS, 36, 32);
}

static inline const void *map(uint64_t phys, size_t size_bytes)
{
    if (phys < MEMORY_PHYS || phys - MEMORY_PHYS > MEMORY_BYTES ||
        size_bytes > MEMORY_BYTES - (phys - MEMORY_PHYS))
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(memory + (phys - MEMORY_PHYS), size_bytes);
    return memory + (phys - MEMORY_PHYS);
}

static inline int parse(void)
{
    host_log_clear();
    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    memcpy(memory, image, sizeof(memory));
    ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
    int result = acpi_parse(RSDP_PHYS, map, &facts);
    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    return result;
}

static inline int setup(void **state)
{
    (void)state;
    memset(image, 0, sizeof(image));
    image_used = 0;
    table_count = 0;
    return 0;
}

static const uint8_t madt_body[] = {
    0, 0,  0xE0, 0xFE, 1,    0,    0,    0,                             // local APICs at 0xFEE00000
    0, 8,  10,   0,    1,    0,    0,    0,                             // enabled
    0, 8,  11,   1,    0,    0,    0,    0,                             // disabled
    0, 8,  12,   2,    2,    0,    0,    0,                             // only online capable
    1, 12, 0,    0,    0,    0,    0xC0, 0xFE, 0, 0, 0, 0,              // an I/O APIC
    9, 16, 0,    0,    0,    0,    0,    0,    1, 0, 0, 0, 20, 0, 0, 0, // id 0 again
    9, 16, 0,    0,    0x34, 0x12, 0,    0,    1, 0, 0, 0, 21, 0, 0, 0, // id 0x1234
    0, 8,  13,   0xFF, 1,    0,    0,    0,                             // broadcast: senseless
    5, 12, 0,    0,    0,    0,    0xE1, 0xFE, 1, 0, 0, 0, // local APICs at 0x1FEE10000
};

static inline void put_fadt(uint32_t legacy_port, uint64_t extended_port, uint32_t flags,
                            size_t length)
{
    uint8_t body[244 - 36] = {0};
    memcpy(body + 76 - 36, &legacy_port, 4);
    body[91 - 36] = 4;
    memcpy(body + 112 - 36, &flags, 4);
    body[208 - 36] = 1;
    body[209 - 36] = 32;
    memcpy(body + 212 - 36, &extended_port, 8);
    put_table("FACP", body, length - 36);
}

static inline void put_mcfg(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
    uint8_t body[8 + 16] = {0};
    memcpy(body + 8, &base, 8);
    memcpy(body + 16, &segment, 2);
    body[18] = first;
    body[19] = last;
    put_table("MCFG", body, sizeof(body));
}

static inline void put_hpet(uint8_t address_space, uint64_t address)
{
    uint8_t body[20] = {0};
    body[4] = address_space;
    memcpy(body + 8, &address, 8);
    put_table("HPET", body, sizeof(body));
}

static inline void put_spcr(uint8_t type, uint8_t address_space, uint64_t address)
{
    uint8_t body[44] = {0};
    body[0] = type;
    body[4] = address_space;
    memcpy(body + 8, &address, 8);
    put_table("SPCR", body, sizeof(body));
}

static inline void put_machine(uint8_t revision)
{
    put_table("APIC", madt_body, sizeof(madt_body));
    put_fadt(0x408, 0x608, 1u << 8, 244);
    put_mcfg(0xB0000000, 0, 0, 255);
    put_hpet(0, 0xFED00000);
    put_spcr(0, 1, 0x2F8);
    put_table("SSDT", "x", 1);
    put_roots(revision);
}

static inline void assert_machine(void)
{
    assert_int_equal(facts.local_apic_phys, 0x1FEE10000);
    assert_int_equal(facts.cpu_count, 2);
    assert_int_equal(facts.cpus[0].apic_id, 0);
    assert_int_equal(facts.cpus[0].processor_uid, 10);
    assert_int_equal(facts.cpus[1].apic_id, 0x1234);
    assert_int_equal(facts.cpus[1].processor_uid, 21);
    assert_int_equal(facts.cpus_disabled, 2);
    assert_int_equal(facts.cpus_left_out, 0);
    assert_int_equal(facts.ecam_count, 1);
    assert_int_equal(facts.ecam[0].base_phys, 0xB0000000);
    assert_int_equal(facts.ecam[0].last_bus, 255);
    assert_int_equal(facts.hpet_phys, 0xFED00000);
    assert_int_equal(facts.pm_timer_port, 0x608);
    assert_true(facts.pm_timer_is_32bit);
    assert_int_equal(facts.fadt_bytes, sizeof(facts.fadt));
    assert_memory_equal(facts.fadt, "FACP", 4);
    assert_int_equal(facts.fadt[76] | facts.fadt[77] << 8, 0x408);
    assert_int_equal(facts.serial_port, 0x2F8);
    assert_false(facts.serial_port_absent);
}
