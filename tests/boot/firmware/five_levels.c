// SPDX-License-Identifier: MIT
// Goes on with 5-level paging, as firmware of machines with more memory than 4 levels reach does.
// Spec: Intel SDM volume 3, 4.1.1 (paging modes), 4.5 (4-level and 5-level paging).
#include "tests/boot/firmware/chain.h"

#define CR4_LA57    (1ull << 12)
#define CPUID_LA57  (1u << 16) // leaf 7, ecx
#define TABLE_ENTRY 0x3        // present, writable

// five_levels_switch.asm
extern char paging_switch[], paging_switch_end[];

static void (*switch_copy)(UINT64 root, UINT64 cr4); // below 4 GiB
static UINT64 four_levels_root, five_levels_root;
static EFI_EXIT_BOOT_SERVICES firmware_exit;

static BOOLEAN cpu_has_five_levels(void)
{
    UINT32 a = 7, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c & CPUID_LA57) != 0;
}

static UINT64 read_cr3(void)
{
    UINT64 value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static UINT64 read_cr4(void)
{
    UINT64 value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

// The switch goes through 32-bit code without paging: what it touches lies below 4 GiB.
static EFI_STATUS allocate_page(EFI_MEMORY_TYPE type, EFI_PHYSICAL_ADDRESS *page)
{
    *page = 0xffffffff;
    EFI_STATUS status = BS->AllocatePages(AllocateMaxAddress, type, 1, page);
    if (!EFI_ERROR(status))
        ZeroMem((void *)*page, 4096);
    return status;
}

static void set_levels(int levels)
{
    if (levels == 5)
        switch_copy(five_levels_root, read_cr4() | CR4_LA57);
    else
        switch_copy(four_levels_root, read_cr4() & ~CR4_LA57);
}

// This firmware knows 4 levels only, and wakes the other processors when it is left.
static EFI_STATUS EFIAPI exit_boot_services(EFI_HANDLE image, UINTN map_key)
{
    set_levels(4);
    EFI_STATUS status = firmware_exit(image, map_key);
    set_levels(5);
    return status;
}

static void hook_exit(void)
{
    firmware_exit = BS->ExitBootServices;
    BS->ExitBootServices = exit_boot_services;
    BS->Hdr.CRC32 = 0;
    UINT32 sum;
    BS->CalculateCrc32(BS, BS->Hdr.HeaderSize, &sum);
    BS->Hdr.CRC32 = sum;
}

EFI_STATUS firmware_behave(void)
{
    EFI_PHYSICAL_ADDRESS code;
    four_levels_root = read_cr3();
    if (!cpu_has_five_levels() || four_levels_root > 0xffffffff)
        return EFI_UNSUPPORTED;
    EFI_STATUS status = allocate_page(EfiBootServicesData, &five_levels_root);
    if (!EFI_ERROR(status))
        status = allocate_page(EfiBootServicesCode, &code);
    if (EFI_ERROR(status))
        return status;
    // Addresses that fit 48 bits are the same in both modes: the lower half and the upper one.
    UINT64 *entries = (UINT64 *)five_levels_root;
    entries[0] = entries[511] = (four_levels_root & ~0xfffull) | TABLE_ENTRY;
    CopyMem((void *)code, paging_switch, (UINTN)(paging_switch_end - paging_switch));
    switch_copy = (void (*)(UINT64, UINT64))code;
    hook_exit();
    set_levels(5);
    if (!(read_cr4() & CR4_LA57))
        return EFI_DEVICE_ERROR;
    Print(u"firmware: 5-level paging is on\n");
    return EFI_SUCCESS;
}
