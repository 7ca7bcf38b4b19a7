// SPDX-License-Identifier: MIT
// Names processors that are not there, as firmware of machines with empty sockets does: of three
// disabled entries of the interrupt controllers' table, the first is enabled, and the next two
// become one with an id that only x2APIC can reach.
// Spec: ACPI 6.5, 5.2.5 (finding tables), 5.2.12.2 (local APIC), 5.2.12.12 (local x2APIC).
#include "tests/boot/firmware/chain.h"

#define TABLES_OFFSET   36 // header of a table
#define ENTRIES_OFFSET  44 // of the MADT
#define LARGE_APIC_ID   300
#define RSDP_XSDT       24
#define TABLE_LENGTH    4
#define TABLE_CHECKSUM  9
#define LOCAL_APIC      0
#define LOCAL_X2APIC    9
#define ENABLED         1
#define DISABLED_NEEDED 3

static UINT8 *find_madt(void)
{
    UINT8 *root;
    static EFI_GUID guid = ACPI_20_TABLE_GUID;
    if (EFI_ERROR(LibGetSystemConfigurationTable(&guid, (void **)&root)))
        return NULL;
    UINT8 *xsdt = *(UINT8 **)(root + RSDP_XSDT);
    UINT32 length = *(UINT32 *)(xsdt + TABLE_LENGTH);
    for (UINT32 offset = TABLES_OFFSET; offset < length; offset += 8) {
        UINT8 *table = *(UINT8 **)(xsdt + offset);
        if (CompareMem(table, "APIC", 4) == 0)
            return table;
    }
    return NULL;
}

// The first of three entries that follow each other, all of them disabled.
static UINT8 *find_disabled(UINT8 *madt)
{
    UINT32 length = *(UINT32 *)(madt + TABLE_LENGTH), found = 0;
    UINT8 *entry = madt + ENTRIES_OFFSET;
    for (; entry < madt + length; entry += entry[1]) {
        found = entry[0] == LOCAL_APIC && entry[4] == 0 ? found + 1 : 0;
        if (found == DISABLED_NEEDED)
            return entry - (DISABLED_NEEDED - 1) * 8;
    }
    return NULL;
}

static void set_checksum(UINT8 *table)
{
    UINT32 length = *(UINT32 *)(table + TABLE_LENGTH);
    table[TABLE_CHECKSUM] = 0;
    UINT8 sum = 0;
    for (UINT32 i = 0; i < length; i++)
        sum += table[i];
    table[TABLE_CHECKSUM] = (UINT8)-sum;
}

EFI_STATUS firmware_behave(void)
{
    UINT8 *madt = find_madt();
    UINT8 *entry = madt == NULL ? NULL : find_disabled(madt);
    if (entry == NULL)
        return EFI_NOT_FOUND;
    entry[4] = ENABLED;
    UINT8 *large = entry + 8;
    ZeroMem(large, 16);
    large[0] = LOCAL_X2APIC;
    large[1] = 16;
    *(UINT32 *)(large + 4) = LARGE_APIC_ID;
    *(UINT32 *)(large + 8) = ENABLED;
    set_checksum(madt);
    Print(u"firmware: processors with APIC ids %d and %d are not there\n", entry[3], LARGE_APIC_ID);
    return EFI_SUCCESS;
}
