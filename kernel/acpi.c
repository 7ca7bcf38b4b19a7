// SPDX-License-Identifier: MIT
#include "kernel/acpi.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"

#define RSDP_V1_BYTES        20
#define RSDP_V2_BYTES        36
#define RSDP_BYTES_MAX       4096
#define HEADER_BYTES         36
#define TABLE_BYTES_MAX      (1u << 20) // real ones are far below, broken lengths above
#define ADDRESS_SPACE_MEMORY 0
#define ADDRESS_SPACE_IO     1

struct table {
    const uint8_t *bytes;
    size_t size_bytes;
    char name[5]; // printable
};

struct parser {
    acpi_map_fn map;
    struct acpi_facts *facts;
    struct table srat; // read when all others are: what it says of processors adds to theirs
};

static uint16_t read16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint32_t read32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t read64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static bool checksum_is_right(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static void copy_name(char name[5], const uint8_t *signature)
{
    for (int i = 0; i < 4; i++)
        name[i] = signature[i] >= 0x21 && signature[i] <= 0x7E ? (char)signature[i] : '?';
    name[4] = '\0';
}

// A range that wraps around is nobody's memory; the mapper need not think of it.
static const uint8_t *map_bytes(const struct parser *parser, uint64_t phys, size_t size_bytes)
{
    if (phys == 0 || phys + size_bytes < phys)
        return NULL;
    return parser->map(phys, size_bytes);
}

// Maps the table at `phys` whole and verifies it. Returns: false, having said why, if it is no
// good.
static bool open_table(const struct parser *parser, uint64_t phys, struct table *table)
{
    const uint8_t *header = map_bytes(parser, phys, HEADER_BYTES);
    if (header == NULL) {
        log_warn("acpi: table at %#llx skipped: not in readable memory", (unsigned long long)phys);
        return false;
    }
    copy_name(table->name, header);
    uint32_t length = read32(header + 4);
    if (length < HEADER_BYTES || length > TABLE_BYTES_MAX) {
        log_warn("acpi: %s at %#llx skipped: its length says %u bytes", table->name,
                 (unsigned long long)phys, (unsigned)length);
        return false;
    }
    table->bytes = map_bytes(parser, phys, length);
    table->size_bytes = length;
    if (table->bytes == NULL) {
        log_warn("acpi: %s at %#llx skipped: its %u bytes are not all in readable memory",
                 table->name, (unsigned long long)phys, (unsigned)length);
        return false;
    }
    if (!checksum_is_right(table->bytes, length)) {
        log_warn("acpi: %s at %#llx skipped: its checksum is wrong", table->name,
                 (unsigned long long)phys);
        return false;
    }
    return true;
}

static bool is_at_least(const struct table *table, size_t size_bytes)
{
    if (table->size_bytes >= size_bytes)
        return true;
    log_warn("acpi: %s skipped: %zu bytes, at least %zu are needed", table->name, table->size_bytes,
             size_bytes);
    return false;
}

static void add_cpu(struct acpi_facts *facts, uint32_t apic_id, uint32_t processor_uid)
{
    for (size_t i = 0; i < facts->cpu_count; i++)
        if (facts->cpus[i].apic_id == apic_id)
            return;
    if (facts->cpu_count == ACPI_CPUS_MAX) {
        facts->cpus_left_out++;
        return;
    }
    facts->cpus[facts->cpu_count++] = (struct acpi_cpu){apic_id, processor_uid, ACPI_NO_DOMAIN};
}

// Bit 0 of the flags is "enabled"; "online capable" alone is a socket still to be filled.
static bool add_cpu_if_enabled(struct acpi_facts *facts, uint32_t apic_id, uint32_t broadcast_id,
                               uint32_t processor_uid, uint32_t flags)
{
    if ((flags & 1) == 0) {
        facts->cpus_disabled++;
        return true;
    }
    if (apic_id == broadcast_id)
        return false;
    add_cpu(facts, apic_id, processor_uid);
    return true;
}

// Spec: ACPI 6.5, 5.2.12.2, 5.2.12.8 and 5.2.12.12. Returns: false if the entry makes no sense.
static bool read_madt_entry(struct acpi_facts *facts, const uint8_t *entry, size_t size_bytes)
{
    switch (entry[0]) {
    case 0: // local APIC
        return size_bytes >= 8 &&
               add_cpu_if_enabled(facts, entry[3], 0xFF, entry[2], read32(entry + 4));
    case 1: // I/O APIC
        if (size_bytes < 12)
            return false;
        if (read32(entry + 8) == 0)
            facts->io_apic_phys = read32(entry + 4);
        return true;
    case 2: // an ISA interrupt that arrives elsewhere, or otherwise
        if (size_bytes < 10 || entry[2] != 0 || entry[3] >= ARRAY_COUNT(facts->isa_interrupts))
            return false;
        facts->isa_interrupts[entry[3]] =
            (struct acpi_isa_interrupt){read32(entry + 4), read16(entry + 8)};
        return true;
    case 5: // 64-bit address of the local APICs
        if (size_bytes < 12 || read64(entry + 4) == 0)
            return false;
        facts->local_apic_phys = read64(entry + 4);
        return true;
    case 9: // local x2APIC
        return size_bytes >= 16 && add_cpu_if_enabled(facts, read32(entry + 4), UINT32_MAX,
                                                      read32(entry + 12), read32(entry + 8));
    default:
        return true;
    }
}

// Reads a list of entries of different lengths, each with its type and length in the first two
// bytes.
static void read_entries(struct acpi_facts *facts, const struct table *table, size_t offset,
                         bool (*read_entry)(struct acpi_facts *facts, const uint8_t *entry,
                                            size_t size_bytes))
{
    size_t bad_count = 0, first_bad_offset = 0;
    while (table->size_bytes - offset >= 2) {
        const uint8_t *entry = table->bytes + offset;
        size_t left_bytes = table->size_bytes - offset;
        if (entry[1] < 2 || entry[1] > left_bytes) {
            log_warn("acpi: %s: read up to offset %zu only: the entry there claims %u of the "
                     "%zu bytes left",
                     table->name, offset, (unsigned)entry[1], left_bytes);
            break;
        }
        if (!read_entry(facts, entry, entry[1]) && bad_count++ == 0)
            first_bad_offset = offset;
        offset += entry[1];
    }
    if (bad_count > 0)
        log_warn("acpi: %s: %zu senseless entries skipped, the first at offset %zu", table->name,
                 bad_count, first_bad_offset);
}

static void read_madt(struct acpi_facts *facts, const struct table *table)
{
    if (!is_at_least(table, 44))
        return;
    facts->local_apic_phys = read32(table->bytes + 36);
    for (unsigned i = 0; i < ARRAY_COUNT(facts->isa_interrupts); i++)
        facts->isa_interrupts[i].global_number = i;
    read_entries(facts, table, 44, read_madt_entry);
    if (facts->cpus_left_out > 0)
        log_warn("acpi: APIC: %zu processors left out: at most %u are used", facts->cpus_left_out,
                 ACPI_CPUS_MAX);
}

static bool set_cpu_domain(struct acpi_facts *facts, uint32_t apic_id, uint32_t domain)
{
    for (size_t i = 0; i < facts->cpu_count; i++)
        if (facts->cpus[i].apic_id == apic_id)
            facts->cpus[i].domain = domain;
    return domain != ACPI_NO_DOMAIN; // of processors that are not there too
}

static bool add_memory(struct acpi_facts *facts, const struct acpi_memory *range)
{
    uint64_t end_phys = range->start_phys + range->size_bytes;
    if (end_phys < range->start_phys || range->domain == ACPI_NO_DOMAIN ||
        facts->memory_count == ACPI_MEMORY_MAX)
        return false;
    for (size_t i = 0; i < facts->memory_count; i++) {
        const struct acpi_memory *other = &facts->memory[i];
        if (other->domain != range->domain && other->start_phys < end_phys &&
            range->start_phys < other->start_phys + other->size_bytes)
            return false;
    }
    if (range->size_bytes != 0)
        facts->memory[facts->memory_count++] = *range;
    return true;
}

// Spec: ACPI 6.5, 5.2.16.1 to 5.2.16.3. What is not enabled (bit 0 of the flags) does not count.
static bool read_srat_entry(struct acpi_facts *facts, const uint8_t *entry, size_t size_bytes)
{
    switch (entry[0]) {
    case 0: // local APIC
        return size_bytes >= 16 &&
               (!(read32(entry + 4) & 1) || set_cpu_domain(facts, entry[3],
                                                           entry[2] | (uint32_t)entry[9] << 8 |
                                                               (uint32_t)read16(entry + 10) << 16));
    case 1: // memory
        return size_bytes >= 40 &&
               (!(read32(entry + 28) & 1) ||
                add_memory(facts, &(struct acpi_memory){read64(entry + 8), read64(entry + 16),
                                                        read32(entry + 2)}));
    case 2: // local x2APIC
        return size_bytes >= 24 && (!(read32(entry + 12) & 1) ||
                                    set_cpu_domain(facts, read32(entry + 8), read32(entry + 4)));
    default:
        return true;
    }
}

static void read_srat(struct acpi_facts *facts, const struct table *table)
{
    if (is_at_least(table, 48))
        read_entries(facts, table, 48, read_srat_entry);
}

static bool ecam_overlaps(const struct acpi_facts *facts, const struct acpi_ecam *window)
{
    for (size_t i = 0; i < facts->ecam_count; i++) {
        const struct acpi_ecam *other = &facts->ecam[i];
        if (other->segment == window->segment && other->first_bus <= window->last_bus &&
            window->first_bus <= other->last_bus)
            return true;
    }
    return false;
}

// Spec: PCI Firmware 3.3, 4.1.2.
static void read_mcfg(struct acpi_facts *facts, const struct table *table)
{
    size_t bad_count = 0, left_out_count = 0;
    for (size_t offset = 44; offset + 16 <= table->size_bytes; offset += 16) {
        const uint8_t *entry = table->bytes + offset;
        struct acpi_ecam window = {read64(entry), read16(entry + 8), entry[10], entry[11]};
        uint64_t end_phys = window.base_phys + ((uint64_t)window.last_bus + 1) * (1u << 20);
        bool makes_sense = window.base_phys != 0 && window.base_phys % 4096 == 0 &&
                           end_phys > window.base_phys && window.first_bus <= window.last_bus &&
                           !ecam_overlaps(facts, &window);
        if (!makes_sense)
            bad_count++;
        else if (facts->ecam_count == ACPI_SEGMENTS_MAX)
            left_out_count++;
        else
            facts->ecam[facts->ecam_count++] = window;
    }
    if (bad_count > 0)
        log_warn("acpi: MCFG: %zu senseless entries skipped", bad_count);
    if (left_out_count > 0)
        log_warn("acpi: MCFG: %zu PCI windows left out: at most %u are used", left_out_count,
                 ACPI_SEGMENTS_MAX);
}

// Spec: IA-PC HPET 1.0a, 3.2.4.
static void read_hpet(struct acpi_facts *facts, const struct table *table)
{
    if (!is_at_least(table, 56) || facts->hpet_phys != 0) // machines may have more than one block
        return;
    uint64_t address = read64(table->bytes + 44);
    if (table->bytes[40] != ADDRESS_SPACE_MEMORY || address == 0 || address % 8 != 0)
        log_warn("acpi: HPET skipped: address %#llx in address space %u is not a block of "
                 "memory-mapped registers",
                 (unsigned long long)address, (unsigned)table->bytes[40]);
    else
        facts->hpet_phys = address;
}

// Spec: ACPI 6.5, 5.2.9 (FADT) and 4.8.3.3 (power management timer).
static void read_fadt(struct acpi_facts *facts, const struct table *table)
{
    enum {
        PM_TMR_BLK = 76,
        PM_TMR_LEN = 91,
        FLAGS = 112,
        X_PM_TMR_BLK = 208,
        FLAG_TMR_VAL_EXT = 1u << 8,
        FLAG_HW_REDUCED = 1u << 20,
    };
    if (!is_at_least(table, 116))
        return;
    uint32_t flags = read32(table->bytes + FLAGS);
    if (flags & FLAG_HW_REDUCED) // then the fields of fixed hardware are to be ignored
        return;
    facts->fadt_bytes = sizeof(facts->fadt);
    memcpy(facts->fadt, table->bytes, sizeof(facts->fadt));
    uint64_t port = table->bytes[PM_TMR_LEN] == 4 ? read32(table->bytes + PM_TMR_BLK) : 0;
    if (table->size_bytes >= X_PM_TMR_BLK + 12) {
        const uint8_t *address = table->bytes + X_PM_TMR_BLK;
        if (address[0] == ADDRESS_SPACE_IO && read64(address + 4) != 0)
            port = read64(address + 4);
    }
    if (port == 0)
        return;
    if (port > 0x10000 - 4) {
        log_warn("acpi: FACP: the timer's port %#llx is no I/O port", (unsigned long long)port);
        return;
    }
    facts->pm_timer_port = (uint16_t)port;
    facts->pm_timer_is_32bit = (flags & FLAG_TMR_VAL_EXT) != 0;
}

// Spec: Serial Port Console Redirection Table 1.08; interface types from Debug Port Table 2.
static void read_spcr(struct acpi_facts *facts, const struct table *table)
{
    enum { TYPE_16550 = 0x00, TYPE_16550_SUBSET = 0x01, TYPE_16550_BY_ADDRESS = 0x12 };
    if (!is_at_least(table, 52))
        return;
    uint8_t type = table->bytes[36];
    uint8_t address_space = table->bytes[40];
    uint64_t address = read64(table->bytes + 44);
    if (address == 0) // redirection is turned off
        return;
    bool is_16550 =
        type == TYPE_16550 || type == TYPE_16550_SUBSET || type == TYPE_16550_BY_ADDRESS;
    if (is_16550 && address_space == ADDRESS_SPACE_IO && address <= 0x10000 - 8)
        facts->serial_port = (uint16_t)address;
    else
        facts->serial_port_absent = true;
}

static const struct table_reader {
    char signature[4];
    void (*read)(struct acpi_facts *facts, const struct table *table); // NULL: later
    bool may_repeat;
} table_readers[] = {
    {"APIC", read_madt, false}, {"MCFG", read_mcfg, false}, {"HPET", read_hpet, true},
    {"FACP", read_fadt, false}, {"SPCR", read_spcr, false}, {"SRAT", NULL, false},
};

// Tables nobody here reads are not verified either: what is wrong with them is not our business.
static void read_table(struct parser *parser, uint64_t phys, unsigned *seen)
{
    const uint8_t *signature = map_bytes(parser, phys, HEADER_BYTES);
    if (signature == NULL) {
        log_warn("acpi: table at %#llx skipped: not in readable memory", (unsigned long long)phys);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(table_readers); i++) {
        const struct table_reader *reader = &table_readers[i];
        struct table table;
        if (memcmp(signature, reader->signature, 4) != 0 || !open_table(parser, phys, &table))
            continue;
        if ((*seen & 1u << i) && !reader->may_repeat) {
            log_warn("acpi: %s at %#llx skipped: it is the second one", table.name,
                     (unsigned long long)phys);
            continue;
        }
        *seen |= 1u << i;
        if (reader->read == NULL)
            parser->srat = table;
        else
            reader->read(parser->facts, &table);
    }
}

// Reads all tables that the RSDT or XSDT lists. Returns: false if the list itself is no good.
static bool read_root(struct parser *parser, uint64_t phys, const char *signature,
                      size_t entry_bytes)
{
    struct table root;
    if (!open_table(parser, phys, &root))
        return false;
    if (strcmp(root.name, signature) != 0) {
        log_warn("acpi: root table at %#llx skipped: it is named %s instead of %s",
                 (unsigned long long)phys, root.name, signature);
        return false;
    }
    unsigned seen = 0;
    for (size_t offset = HEADER_BYTES; offset + entry_bytes <= root.size_bytes;
         offset += entry_bytes) {
        const uint8_t *entry = root.bytes + offset;
        uint64_t table_phys = entry_bytes == 8 ? read64(entry) : read32(entry);
        if (table_phys != 0)
            read_table(parser, table_phys, &seen);
    }
    if (parser->srat.bytes != NULL)
        read_srat(parser->facts, &parser->srat);
    return true;
}

// Spec: ACPI 6.5, 5.2.5.3. Returns: the XSDT's address, 0 if there is none to trust.
static uint64_t find_xsdt(const struct parser *parser, uint64_t rsdp_phys)
{
    const uint8_t *rsdp = map_bytes(parser, rsdp_phys, RSDP_V2_BYTES);
    if (rsdp == NULL || rsdp[15] < 2)
        return 0;
    uint32_t length = read32(rsdp + 20);
    if (length >= RSDP_V2_BYTES && length <= RSDP_BYTES_MAX) {
        rsdp = map_bytes(parser, rsdp_phys, length);
        if (rsdp != NULL && checksum_is_right(rsdp, length))
            return read64(rsdp + 24);
    }
    log_warn("acpi: root pointer at %#llx: its extended part is broken",
             (unsigned long long)rsdp_phys);
    return 0;
}

int acpi_parse(uint64_t rsdp_phys, acpi_map_fn map, struct acpi_facts *facts)
{
    struct parser parser = {.map = map, .facts = facts};
    memset(facts, 0, sizeof(*facts));
    if (rsdp_phys == 0) {
        log_warn("acpi: the firmware gave no root pointer");
        return -EINVAL;
    }
    const uint8_t *rsdp = map_bytes(&parser, rsdp_phys, RSDP_V1_BYTES);
    if (rsdp == NULL || memcmp(rsdp, "RSD PTR ", 8) != 0 ||
        !checksum_is_right(rsdp, RSDP_V1_BYTES)) {
        log_warn("acpi: root pointer at %#llx is unusable: %s", (unsigned long long)rsdp_phys,
                 rsdp == NULL                       ? "not in readable memory"
                 : memcmp(rsdp, "RSD PTR ", 8) != 0 ? "its signature is wrong"
                                                    : "its checksum is wrong");
        return -EINVAL;
    }
    uint64_t rsdt_phys = read32(rsdp + 16);
    uint64_t xsdt_phys = find_xsdt(&parser, rsdp_phys);
    if (xsdt_phys != 0 && read_root(&parser, xsdt_phys, "XSDT", 8))
        return 0;
    if (rsdt_phys != 0 && read_root(&parser, rsdt_phys, "RSDT", 4))
        return 0;
    log_warn("acpi: no usable list of tables behind the root pointer at %#llx",
             (unsigned long long)rsdp_phys);
    return -EINVAL;
}
