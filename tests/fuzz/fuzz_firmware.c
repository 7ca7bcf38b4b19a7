// SPDX-License-Identifier: MIT
// What firmware hands over: ACPI tables, the memory map, options, and PCI configuration spaces as
// it and the devices left them. The first byte says which.
#include "acpi_fixture.h"

#include "bytes.h"
#include "firmware_pci.h"
#include "kernel/memory_map.h"
#include "kernel/options.h"
#include "require.h"

// ---- ACPI ---------------------------------------------------------------------------------------

#define TABLES_MAX     15
#define BODY_MAX       1024
#define TABLE_ROOM     (36 + BODY_MAX + 256)
#define CLAIM_IS_WRONG 0x80 // of the byte for the name

// A table of a name that is read or not, with a right checksum over the length that it claims.
static void table_of(struct bytes *bytes)
{
    static const char *const names[] = {"APIC", "SRAT", "FACP", "HPET", "MCFG", "SPCR", "SSDT"};
    uint8_t kind = bytes_take8(bytes);
    size_t body_bytes = bytes_take8(bytes) * (size_t)4;
    uint8_t body[BODY_MAX] = {0};
    int claim = kind & CLAIM_IS_WRONG ? (int8_t)bytes_take8(bytes) : 0;
    body_bytes = bytes_take(bytes, body, body_bytes);
    uint64_t phys = TABLES_PHYS + table_count * TABLE_ROOM;
    put_table_at(phys, names[(kind & 0x7f) % ARRAY_COUNT(names)], body, body_bytes);
    int claimed_bytes = 36 + (int)body_bytes + claim;
    put(phys + 4, (uint64_t)claimed_bytes, 4);
    if (claimed_bytes > 9 && claimed_bytes <= TABLE_ROOM)
        fix_checksum(phys, (size_t)claimed_bytes, 9);
    tables[table_count++] = phys;
}

// Bytes of the list and of the root pointer, changed under their checksums.
static void change_roots(struct bytes *bytes)
{
    while (bytes_left(bytes) >= 2) {
        uint8_t offset = bytes_take8(bytes);
        at(RSDP_PHYS)[offset] = bytes_take8(bytes);
    }
    fix_checksum(RSDT_PHYS, 36 + 4 * table_count, 9);
    fix_checksum(XSDT_PHYS, 36 + 8 * table_count, 9);
    fix_checksum(RSDP_PHYS, 20, 8);
    fix_checksum(RSDP_PHYS, 36, 32);
}

static void check_cpus(void)
{
    require(facts.cpu_count <= ACPI_CPUS_MAX);
    for (size_t i = 0; i < facts.cpu_count; i++)
        for (size_t other = 0; other < i; other++)
            require(facts.cpus[i].apic_id != facts.cpus[other].apic_id);
}

static void check_ranges(void)
{
    require(facts.memory_count <= ACPI_MEMORY_MAX && facts.ecam_count <= ACPI_SEGMENTS_MAX);
    for (size_t i = 0; i < facts.memory_count; i++) {
        const struct acpi_memory *one = &facts.memory[i];
        require(one->size_bytes > 0 && one->start_phys + one->size_bytes >= one->start_phys);
        require(one->domain != ACPI_NO_DOMAIN);
        for (size_t k = 0; k < i; k++) {
            const struct acpi_memory *other = &facts.memory[k];
            require(one->domain == other->domain ||
                    one->start_phys >= other->start_phys + other->size_bytes ||
                    other->start_phys >= one->start_phys + one->size_bytes);
        }
    }
    for (size_t i = 0; i < facts.ecam_count; i++)
        require(facts.ecam[i].base_phys != 0 && facts.ecam[i].first_bus <= facts.ecam[i].last_bus);
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text != '\n' && (*text < ' ' || *text > '~'))
            return false;
    return true;
}

static void acpi(struct bytes *bytes)
{
    (void)setup(NULL);
    uint8_t how = bytes_take8(bytes);
    for (unsigned count = how & 0xf; table_count < count && bytes_left(bytes) > 0;)
        table_of(bytes);
    put_roots(how & 0x10 ? 2 : 0);
    change_roots(bytes);
    if (parse() != 0)
        require(facts.cpu_count == 0 && facts.ecam_count == 0 && facts.fadt_bytes == 0);
    check_cpus();
    check_ranges();
    require(is_printable(host_log));
}

// ---- the memory map -----------------------------------------------------------------------------

#define MODEL_PAGES 256
#define RANGES_MAX  128

// The least usable type that names each page, -1: none.
static void model_fill(int *pages, const struct memory_range *ranges, size_t count)
{
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        pages[page] = -1;
        for (size_t i = 0; i < count; i++) {
            uint64_t start = ranges[i].start_phys, end = start + ranges[i].size_bytes;
            bool may_be_free = ranges[i].type <= MEMORY_BOOT_CODE;
            bool is_named = may_be_free ? start <= page << 12 && end >= (page + 1) << 12
                                        : start < (page + 1) << 12 && end > page << 12;
            if (end > start && end <= UINT64_MAX - 4096 && is_named &&
                (int)ranges[i].type > pages[page])
                pages[page] = (int)ranges[i].type;
        }
    }
}

static struct memory_range range_of(struct bytes *bytes)
{
    uint8_t kind = bytes_take8(bytes);
    struct memory_range range = {.type = (enum memory_type)(kind % (MEMORY_RESERVED + 1))};
    if (kind & 0x80) { // any numbers
        bytes_take(bytes, &range.start_phys, 8);
        bytes_take(bytes, &range.size_bytes, 8);
    } else {
        range.start_phys = (uint64_t)bytes_take8(bytes) << 12;
        range.size_bytes = (uint64_t)(bytes_take8(bytes) % 32) << 12;
    }
    return range;
}

// As firmware gave it but for what is safe: given up if it was free, or less usable.
static void check_map(const int *expected, const struct memory_range *ranges, size_t count)
{
    int got[MODEL_PAGES];
    for (size_t i = 0; i < count; i++) {
        require(ranges[i].size_bytes > 0 && ranges[i].size_bytes % 4096 == 0);
        require(ranges[i].start_phys % 4096 == 0);
        require(i == 0 ||
                ranges[i - 1].start_phys + ranges[i - 1].size_bytes <= ranges[i].start_phys);
    }
    model_fill(got, ranges, count);
    for (size_t page = 0; page < MODEL_PAGES; page++)
        require(got[page] == expected[page] ||
                (got[page] < 0 ? expected[page] == MEMORY_USABLE
                               : expected[page] >= 0 && got[page] > expected[page]));
}

static void memory_map(struct bytes *bytes)
{
    size_t count = 0;
    struct memory_range ranges[RANGES_MAX];
    while (bytes_left(bytes) > 0 && count < RANGES_MAX)
        ranges[count++] = range_of(bytes);
    int expected[MODEL_PAGES];
    model_fill(expected, ranges, count);
    struct memory_range *exact = exact_copy(ranges, count * sizeof(*ranges));
    size_t out = memory_map_normalise(exact, count);
    require(out <= count);
    check_map(expected, exact, out);
    (void)memory_map_contains(exact, out, ranges[0].start_phys, ranges[0].size_bytes);
    free(exact);
}

// ---- options ------------------------------------------------------------------------------------

OPTION_NUMBER(cores, 1, CORES_MAX, "a number");
OPTION_CHOICE(exit, "poweroff|reset|halt|debug", "a choice");
OPTION_TEXT(hostname, "a text");
OPTION_NUMBER_OF_CARD(mtu, 68, 9000, "a number of each card");

static void check_options(void)
{
    require(options_argc() >= 1 && options_argc() <= 1 + OPTIONS_ARGUMENTS_MAX);
    require(options_argv()[options_argc()] == NULL);
    for (int i = 0; i < options_argc(); i++)
        require(strlen(options_argv()[i]) < OPTIONS_LINE_MAX);
    for (char **pair = options_environ(); *pair != NULL; pair++) {
        size_t name_bytes = strcspn(*pair, "=") + 1;
        require(name_bytes > 1 && (*pair)[name_bytes - 1] == '=');
        for (char **other = options_environ(); other != pair; other++)
            require(strncmp(*other, *pair, name_bytes) != 0);
    }
    const char *chosen = option_get("exit");
    require(chosen == NULL || strspn(chosen, "abdefghlorstuw") == strlen(chosen));
    host_log_clear();
    for (unsigned card = 0; card < OPTION_CARDS_MAX; card++)
        (void)option_get_number_of_card("mtu", card, 0, 68, 9000);
    (void)option_get_number("cores", 1, 1, CORES_MAX);
    require(host_log[0] == '\0'); // what was kept was checked
}

// The command line, a NUL, and the file.
static void options(struct bytes *bytes)
{
    const char *text = (const char *)bytes->at;
    size_t text_bytes = bytes_left(bytes), line_bytes = strnlen(text, text_bytes);
    size_t file_bytes = line_bytes < text_bytes ? text_bytes - line_bytes - 1 : 0;
    char *file = exact_copy(text + text_bytes - file_bytes, file_bytes);
    char *line = malloc(line_bytes + 1);
    memcpy(line, text, line_bytes);
    line[line_bytes] = '\0';
    host_log_clear();
    (void)option_peek("hostname", line, file, file_bytes);
    require(host_log[0] == '\0');
    options_parse(line, file, file_bytes);
    free(line);
    free(file);
    require(is_printable(host_log));
    check_options();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes bytes = {data + 1, data + size_bytes};
    if (size_bytes == 0)
        return 0;
    switch (data[0]) {
    case 'a':
        acpi(&bytes);
        break;
    case 'm':
        memory_map(&bytes);
        break;
    case 'o':
        options(&bytes);
        break;
    case 'p':
        firmware_pci(&bytes);
        break;
    default:
        return -1; // not worth keeping
    }
    return 0;
}
