// SPDX-License-Identifier: MIT
// Where the image lies: its addresses are written for the place where firmware loaded it, and once
// more for a random one that it moves to, so that nobody knows the address of anything beforehand.
// Spec: UEFI 2.10, 7.2.1 (AllocatePages); System V gABI, chapter 4 (relocation, SHT_RELR).
#include "efi/gather.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/options.h"
#include "kernel/paging.h"

OPTION_CHOICE(kaslr, "on|off", "move to a random address before the boot");

#define CR4_LA57 (1ull << 12)

EFI_STATUS _relocate(uintptr_t base, const void *dynamic);

// Adds `distance` to each address that the copy of the image at `base` holds. The table names them
// in words: an even one is where the next address lies; the bits of an odd one, from bit 1 on, say
// which of the 63 words behind are addresses too.
static void relocate(uintptr_t base, uintptr_t distance)
{
    uintptr_t *next = NULL;
    for (const uint64_t *word = (const uint64_t *)relr_start; word < (const uint64_t *)relr_end;
         word++) {
        if ((*word & 1) == 0) {
            next = (uintptr_t *)(base + *word);
            *next++ += distance;
            continue;
        }
        for (int bit = 1; bit < 64; bit++)
            if (*word >> bit & 1)
                next[bit - 1] += distance;
        next += 63;
    }
}

// Called by gnu-efi's entry before anything else: linked for address 0, no address is right yet.
EFI_STATUS _relocate(uintptr_t base, const void *dynamic)
{
    (void)dynamic;
    relocate(base, base);
    return EFI_SUCCESS;
}

static uint64_t draw_number(struct efi_world *world)
{
    uint64_t number;
    if (world->has_place_random)
        return world->place_random;
    if ((cpu_has_rdrand() && cpu_rdrand64(&number)) || (cpu_has_rdseed() && cpu_rdseed64(&number)))
        return number;
    efi_print(world, "toril: the image's place was drawn from the clock and can be guessed: add a "
                     "virtio-rng device\r\n");
    return cpu_read_tsc() * 0x9e3779b97f4a7c15 >> 16;
}

// Some firmware lets nothing be executed but what it loaded: its page tables say so.
static bool is_executable(uint64_t address)
{
    const struct page_table *root = (void *)(cpu_read_cr3() & ~4095ull);
    uint64_t phys;
    unsigned flags;
    if (cpu_read_cr4() & CR4_LA57)
        root = (void *)(root->entries[0] & 0x000ffffffffff000);
    return paging_lookup(root, address, &phys, &flags) && flags & PAGING_EXECUTE;
}

// Memory for the image at a random address, where it may be executed, or 0.
static uint64_t allocate_place(struct efi_world *world, const struct efi_map *map,
                               uint64_t image_bytes)
{
    EFI_PHYSICAL_ADDRESS place = efi_place_draw(map, image_bytes, draw_number(world));
    if (place == 0 || EFI_ERROR(world->boot->AllocatePages(AllocateAddress, EfiLoaderCode,
                                                           image_bytes / 4096, &place)))
        return 0;
    if (is_executable(place + (uint64_t)(text_start - image_start)))
        return place;
    world->boot->FreePages(place, image_bytes / 4096);
    return 0;
}

static bool mentions(const char *text, size_t size_bytes, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size_bytes; i++)
        if (memcmp(text + i, word, length) == 0)
            return true;
    return false;
}

static bool is_unwanted(const struct boot_info *info)
{
    const char *line = info->load_options != NULL ? info->load_options : "";
    // Most boots need not parse their options twice.
    if (!mentions(line, strlen(line), "kaslr") &&
        !mentions(info->config_text, info->config_bytes, "kaslr"))
        return false;
    const char *wanted = option_peek("kaslr", line, info->config_text, info->config_bytes);
    return wanted != NULL && strcmp(wanted, "off") == 0;
}

intptr_t efi_move(struct efi_world *world, struct boot_info *info)
{
    if (is_unwanted(info))
        return 0;
    struct efi_map map;
    uint64_t place = 0;
    if (!EFI_ERROR(efi_map_allocate(world, &map))) {
        if (!EFI_ERROR(efi_map_read(world, &map)))
            place = allocate_place(world, &map, info->image_bytes);
        efi_map_free(world, &map);
    }
    if (place == 0) {
        efi_print(world, "toril: the image stays where the firmware loaded it: no other memory was "
                         "found where it may run\r\n");
        return 0;
    }
    intptr_t distance = (intptr_t)(place - info->image_phys);
    info->image_phys = place;
    memcpy((void *)place, image_start, (size_t)(image_end - image_start));
    relocate(place, (uintptr_t)distance);
    return distance;
}
