// SPDX-License-Identifier: MIT
#include "efi/gather.h"

#include <string.h>

#include "kernel/clock.h"
#include "kernel/image.h"
#include "kernel/panic.h"

#define LOAD_OPTIONS_MAX 4096  // bytes of UTF-8, more is cut and said
#define CONFIG_MAX       65536 // bytes of \toril.cfg, a larger file is refused and said
#define LOW_MEMORY_END   0x100000

static EFI_GUID loaded_image_guid = LOADED_IMAGE_PROTOCOL;
static EFI_GUID file_system_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
static EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static EFI_GUID acpi2_guid = ACPI_20_TABLE_GUID;
static EFI_GUID acpi1_guid = ACPI_TABLE_GUID;
// UEFI 2.10, 37.5: gnu-efi has no definition of the random number protocol.
static EFI_GUID random_guid = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
struct efi_random {
    EFI_STATUS(EFIAPI *get_info)(struct efi_random *self, UINTN *size, EFI_GUID *list);
    EFI_STATUS(EFIAPI *get)(struct efi_random *self, EFI_GUID *algorithm, UINTN size, UINT8 *out);
};

void efi_print(struct efi_world *world, const char *text)
{
    if (world->system->ConOut == NULL)
        return;
    CHAR16 wide[128];
    while (*text != '\0') {
        size_t count = 0;
        while (*text != '\0' && count < 127)
            wide[count++] = (CHAR16)(unsigned char)*text++;
        wide[count] = 0;
        world->system->ConOut->OutputString(world->system->ConOut, wide);
    }
}

const char *efi_status_name(EFI_STATUS status)
{
    switch (status) {
    case EFI_SUCCESS:
        return "success";
    case EFI_LOAD_ERROR:
        return "load error";
    case EFI_INVALID_PARAMETER:
        return "invalid parameter";
    case EFI_UNSUPPORTED:
        return "unsupported";
    case EFI_BUFFER_TOO_SMALL:
        return "buffer too small";
    case EFI_NOT_READY:
        return "not ready";
    case EFI_DEVICE_ERROR:
        return "device error";
    case EFI_OUT_OF_RESOURCES:
        return "out of resources";
    case EFI_NOT_FOUND:
        return "not found";
    case EFI_ACCESS_DENIED:
        return "access denied";
    default:
        return "another EFI error";
    }
}

void efi_keep(struct efi_world *world, uint64_t start_phys, uint64_t size_bytes)
{
    ASSERT(world->kept_count < EFI_KEPT_MAX);
    world->kept[world->kept_count++] = (struct efi_kept){start_phys, ALIGN_UP(size_bytes, 4096)};
}

void *efi_allocate(struct efi_world *world, size_t size_bytes)
{
    EFI_PHYSICAL_ADDRESS address = 0;
    EFI_STATUS status = world->boot->AllocatePages(AllocateAnyPages, EfiLoaderCode,
                                                   (size_bytes + 4095) / 4096, &address);
    if (EFI_ERROR(status))
        return NULL;
    efi_keep(world, address, size_bytes);
    return (void *)address;
}

EFI_STATUS efi_gather_image(struct efi_world *world, struct boot_info *info)
{
    EFI_STATUS status =
        world->boot->HandleProtocol(world->image, &loaded_image_guid, (void **)&world->loaded);
    if (EFI_ERROR(status))
        return status;
    info->image_phys = (uint64_t)world->loaded->ImageBase;
    info->image_bytes = world->loaded->ImageSize;
    return EFI_SUCCESS;
}

EFI_STATUS efi_gather_percore(struct efi_world *world, struct boot_info *info)
{
    size_t percore_bytes = (size_t)(percore_end - percore_start);
    void *template = efi_allocate(world, percore_bytes);
    if (template == NULL)
        return EFI_OUT_OF_RESOURCES;
    memcpy(template, percore_start, percore_bytes);
    info->percore_template_phys = (uintptr_t) template;
    return EFI_SUCCESS;
}

// UCS-2 to UTF-8; unpaired surrogates and what lies beyond come out as '?'. Returns bytes written.
static size_t gather_utf8(const CHAR16 *wide, size_t wide_count, char *out, size_t out_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < wide_count && wide[i] != 0 && used + 4 < out_bytes; i++) {
        CHAR16 c = wide[i];
        if (c < 0x80) {
            out[used++] = (char)c;
        } else if (c < 0x800) {
            out[used++] = (char)(0xc0 | c >> 6);
            out[used++] = (char)(0x80 | (c & 0x3f));
        } else if (c >= 0xd800 && c < 0xe000) {
            out[used++] = '?';
        } else {
            out[used++] = (char)(0xe0 | c >> 12);
            out[used++] = (char)(0x80 | (c >> 6 & 0x3f));
            out[used++] = (char)(0x80 | (c & 0x3f));
        }
    }
    out[used] = '\0';
    return used;
}

// The UEFI shell puts the program's name first; a boot entry gives just its options. A first word
// that ends in ".efi" is a name.
static const char *gather_skip_program(const char *line)
{
    const char *end = line;
    bool quoted = *end == '"';
    if (quoted)
        end++;
    while (*end != '\0' && *end != (quoted ? '"' : ' '))
        end++;
    const char *name_end = end;
    if (quoted && *end == '"')
        end++;
    size_t length = (size_t)(name_end - line);
    if (length >= 4 && name_end[-4] == '.' && (name_end[-3] | 32) == 'e' &&
        (name_end[-2] | 32) == 'f' && (name_end[-1] | 32) == 'i')
        return end;
    return line;
}

static void gather_load_options(struct efi_world *world, struct boot_info *info)
{
    const CHAR16 *wide = world->loaded->LoadOptions;
    size_t count = world->loaded->LoadOptionsSize / sizeof(CHAR16);
    if (wide == NULL || count == 0)
        return;
    // Firmware boot entries may carry binary data here: a command line starts with something
    // printable.
    if (wide[0] < 0x20 || wide[0] >= 0xd800)
        return;
    char *line = efi_allocate(world, LOAD_OPTIONS_MAX);
    if (line == NULL)
        return;
    if (gather_utf8(wide, count, line, LOAD_OPTIONS_MAX) >= LOAD_OPTIONS_MAX - 4)
        efi_print(world, "toril: the command line is too long and was cut\r\n");
    info->load_options = gather_skip_program(line);
}

EFI_FILE_HANDLE efi_open_volume(struct efi_world *world)
{
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE_HANDLE root;
    if (world->loaded->DeviceHandle == NULL ||
        EFI_ERROR(world->boot->HandleProtocol(world->loaded->DeviceHandle, &file_system_guid,
                                              (void **)&volume)) ||
        EFI_ERROR(volume->OpenVolume(volume, &root)))
        return NULL;
    return root;
}

static void gather_config(struct efi_world *world, struct boot_info *info)
{
    EFI_FILE_HANDLE file, root = efi_open_volume(world);
    if (root == NULL)
        return;
    static CHAR16 name[] = u"\\toril.cfg";
    EFI_STATUS status = root->Open(root, &file, name, EFI_FILE_MODE_READ, 0);
    if (!EFI_ERROR(status)) {
        char *text = efi_allocate(world, CONFIG_MAX);
        UINTN size = CONFIG_MAX;
        status = text == NULL ? EFI_OUT_OF_RESOURCES : file->Read(file, &size, text);
        if (!EFI_ERROR(status) && size == CONFIG_MAX) {
            efi_print(world, "toril: \\toril.cfg is larger than 64 KiB and is not used\r\n");
        } else if (!EFI_ERROR(status)) {
            info->config_text = text;
            info->config_bytes = size;
        }
        file->Close(file);
    }
    if (EFI_ERROR(status) && status != EFI_NOT_FOUND) {
        efi_print(world, "toril: \\toril.cfg cannot be read: ");
        efi_print(world, efi_status_name(status));
        efi_print(world, "\r\n");
    }
    root->Close(root);
}

void efi_gather_options(struct efi_world *world, struct boot_info *info)
{
    gather_load_options(world, info);
    gather_config(world, info);
}

void efi_gather_acpi(struct efi_world *world, struct boot_info *info)
{
    for (UINTN i = 0; i < world->system->NumberOfTableEntries; i++) {
        EFI_CONFIGURATION_TABLE *table = &world->system->ConfigurationTable[i];
        bool is_acpi2 = memcmp(&table->VendorGuid, &acpi2_guid, sizeof(EFI_GUID)) == 0;
        bool is_acpi1 = memcmp(&table->VendorGuid, &acpi1_guid, sizeof(EFI_GUID)) == 0;
        if (is_acpi2 || (is_acpi1 && info->rsdp_phys == 0))
            info->rsdp_phys = (uint64_t)table->VendorTable;
    }
    static char name[64];
    size_t used = 0;
    if (world->system->FirmwareVendor != NULL)
        used = gather_utf8(world->system->FirmwareVendor, sizeof(name) - 5, name, sizeof(name));
    info->firmware_name = used > 0 ? name : "unnamed firmware";
}

// Position of the lowest bit of a channel's mask; only masks of 8 bits can be drawn with.
static bool gather_channel(UINT32 mask, uint8_t *shift)
{
    *shift = mask == 0 ? 0 : (uint8_t)__builtin_ctz(mask);
    return mask >> *shift == 0xff;
}

// Returns: false if what this screen shows is not memory in pixels of a known form.
static bool gather_screen(const EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics,
                          struct framebuffer_info *out)
{
    if (graphics->Mode == NULL || graphics->Mode->Info == NULL ||
        graphics->Mode->FrameBufferBase == 0)
        return false;
    EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode = graphics->Mode->Info;
    switch (mode->PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor:
        out->red_shift = 0, out->green_shift = 8, out->blue_shift = 16;
        break;
    case PixelBlueGreenRedReserved8BitPerColor:
        out->red_shift = 16, out->green_shift = 8, out->blue_shift = 0;
        break;
    case PixelBitMask:
        if (!gather_channel(mode->PixelInformation.RedMask, &out->red_shift) ||
            !gather_channel(mode->PixelInformation.GreenMask, &out->green_shift) ||
            !gather_channel(mode->PixelInformation.BlueMask, &out->blue_shift))
            return false;
        break;
    default: // PixelBltOnly: no memory to draw to once the firmware is left
        return false;
    }
    out->width = mode->HorizontalResolution;
    out->height = mode->VerticalResolution;
    out->pixels_per_line = mode->PixelsPerScanLine;
    out->base_phys = graphics->Mode->FrameBufferBase;
    out->size_bytes = graphics->Mode->FrameBufferSize;
    return true;
}

void efi_gather_framebuffer(struct efi_world *world, struct boot_info *info)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics;
    EFI_HANDLE *handles; // stay the firmware's: its memory is ours once it is left
    UINTN count = 0;
    if (EFI_ERROR(
            world->boot->LocateHandleBuffer(ByProtocol, &graphics_guid, NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count; i++)
        if (!EFI_ERROR(
                world->boot->HandleProtocol(handles[i], &graphics_guid, (void **)&graphics)) &&
            gather_screen(graphics, &info->framebuffer))
            return;
    efi_print(world, "toril: no screen can be drawn to: no screen console\r\n");
}

void efi_gather_entropy(struct efi_world *world, struct boot_info *info)
{
    struct efi_random *random;
    if (EFI_ERROR(world->boot->LocateProtocol(&random_guid, NULL, (void **)&random)))
        return; // the kernel tries the CPU next, and says so when nothing is strong
    struct {
        uint8_t entropy[BOOT_ENTROPY_BYTES];
        uint64_t place; // apart, for the image's place gets known more easily than a key
    } drawn;
    if (EFI_ERROR(random->get(random, NULL, sizeof(drawn), (UINT8 *)&drawn)))
        return;
    memcpy(info->entropy, drawn.entropy, sizeof(drawn.entropy));
    info->entropy_bytes = BOOT_ENTROPY_BYTES;
    world->place_random = drawn.place;
    world->has_place_random = true;
}

void efi_gather_clock(struct efi_world *world, struct boot_info *info)
{
    EFI_TIME t;
    if (EFI_ERROR(world->system->RuntimeServices->GetTime(&t, NULL)))
        return;
    // UTC is local time + the zone.
    int zone = t.TimeZone == EFI_UNSPECIFIED_TIMEZONE ? 0 : t.TimeZone;
    struct clock_calendar calendar = {t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second, zone};
    info->wall_clock_s = clock_from_calendar(&calendar);
}

void efi_gather_trampoline(struct efi_world *world, struct boot_info *info)
{
    // A start-up inter-processor interrupt names a page below 1 MiB. Firmware knows which is free;
    // page 0 stays unmapped to catch null pointers, so it is given back if it is what comes.
    EFI_PHYSICAL_ADDRESS address = LOW_MEMORY_END - 1;
    EFI_STATUS status = world->boot->AllocatePages(AllocateMaxAddress, EfiLoaderCode,
                                                   BOOT_TRAMPOLINE_PAGES, &address);
    if (EFI_ERROR(status) || address == 0) {
        efi_print(world, "toril: no free page below 1 MiB: only one core will run\r\n");
        return;
    }
    efi_keep(world, address, BOOT_TRAMPOLINE_PAGES * 4096);
    info->trampoline_phys = address;
}
