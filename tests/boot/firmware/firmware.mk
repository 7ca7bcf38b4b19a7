# SPDX-License-Identifier: MIT
# Programs that make firmware behave as some real one does; the boot tests start images through them.
# build/firmware/NAME.efi is tests/boot/firmware/{chain,NAME,NAME_*}; no image has any of it.
FIRMWARE_CFLAGS := -std=gnu11 -O2 -fPIE -fvisibility=hidden -mno-red-zone -fno-stack-protector \
    -fcf-protection=none -ffreestanding -fshort-wchar -fno-asynchronous-unwind-tables -I. \
    -isystem /usr/include/efi -isystem /usr/include/efi/x86_64

build/firmware/%.o: tests/boot/firmware/%.c tests/boot/firmware/chain.h
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(FIRMWARE_CFLAGS) $(WARNINGS) -c -o $@ $<
build/firmware/%.o: tests/boot/firmware/%.asm
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@nasm $(AFLAGS) -o $@ $<
build/firmware/%.efi: build/firmware/%.elf
	@echo "  EFI     $@"
	@efi/mkimage $< $@
build/firmware/%.elf: build/firmware/chain.o build/firmware/%.o efi/image.ld
	@ld $(LDFLAGS) -o $@ $(GNU_EFI)/crt0-efi-x86_64.o $(filter %.o,$^) \
	    --start-group $(GNU_EFI)/libefi.a $(GNU_EFI)/libgnuefi.a --end-group
build/firmware/five_levels.elf: build/firmware/five_levels_switch.o
