# SPDX-License-Identifier: MIT
# Builds build/APP/BOOTX64.EFI for each app. `./toril` calls this; `make help` lists the targets.

# An app is a file or a folder in apps/, or one of somebody else's, which ./toril links to build/apps/ and names.
APPS := $(sort $(patsubst apps/%.c,%,$(wildcard apps/*.c)) $(patsubst apps/%/,%,$(wildcard apps/*/)))
OUTSIDE ?=

KERNEL_ASSEMBLY := kernel/memory.asm kernel/switch.asm kernel/vectors.asm
# What an app may be linked without: apps in APPS_WITHOUT_INSIGHT are.
INSIGHT_SOURCES := $(addprefix kernel/, heap_debug.c keys.c log_levels.c power_button.c profile.c profile_dump.c)
INSIGHT_PARTS := heap_debug_alloc keys_start log_levels_start power_button_start profile_start profile_dump
INSIGHT_SOURCES += efi/files.c
INSIGHT_PARTS += efi_gather_files
APPS_WITHOUT_INSIGHT := hello bench
KERNEL_SOURCES = $(filter-out $(INSIGHT_SOURCES) $(NET_DRIVER_SOURCES),$(sort $(wildcard kernel/*.c)))
EFI_SOURCES := $(filter-out $(INSIGHT_SOURCES),$(sort $(wildcard efi/*.c)))
SMP_SOURCES := $(sort $(wildcard smp/*.c))
SMP_ASSEMBLY := smp/trampoline.asm
VIRTIO_SOURCES = $(filter-out $(NET_DRIVER_SOURCES),$(sort $(wildcard virtio/*.c)))
DRIVER_SOURCES = $(filter-out $(NET_DRIVER_SOURCES),$(sort $(wildcard drivers/*.c)))
NET_DRIVER_SOURCES := kernel/device.c $(sort $(wildcard virtio/net*.c)) virtio/virtq_packed.c $(sort $(wildcard drivers/e1000*.c))
NET_SOURCES := $(sort $(wildcard net/*.c))
HTTP_SOURCES := $(sort $(wildcard http/*.c)) build/http_statuses.c
TLS_SOURCES := $(sort $(wildcard tls/*.c))

include third_party/third_party.mk

CC := gcc
# Asked for, as by `make OPTIMISE=-O0`, it is the level of every file of ours, of lwIP and of Mbed TLS, whatever
# is said of some files below; the C library keeps its own. Not asked for, it is -O2 but for those files.
OPTIMISE ?=
level = $(or $(strip $(OPTIMISE)),$(1))
LEVEL := $(call level,-O2)
# `make LTO=on` compiles an app as one with what it uses of ours.
LTO ?=
LTO_CFLAGS := $(if $(LTO),-flto -ffat-lto-objects)
# Written when either changes: what was compiled otherwise is then compiled again.
LEVEL_STAMP := build/level
$(shell mkdir -p build; echo '$(OPTIMISE) $(LTO)' | cmp -s - $(LEVEL_STAMP) || echo '$(OPTIMISE) $(LTO)' >$(LEVEL_STAMP))
AFLAGS := -f elf64
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes
CFLAGS = -std=gnu11 $(LEVEL) -g -fPIE -fvisibility=hidden -mno-red-zone -fno-omit-frame-pointer \
    -fstack-protector-strong -mstack-protector-guard=global -fstack-clash-protection -fcf-protection=none \
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fno-common \
    -ffile-prefix-map=$(CURDIR)/= -I. $(FIRST_CFLAGS) $(MUSL_CFLAGS) $(EXTRA_CFLAGS)
LWIP_CFLAGS := -Inet -I$(LWIP_INCLUDE)
# The image holds no dynamic linking but the relocations it applies to itself.
LDFLAGS := -nostdlib -pie --no-dynamic-linker -Bsymbolic -z noexecstack -z norelro -z max-page-size=4096 \
    -z pack-relative-relocs --no-warn-rwx-segments --hash-style=sysv --build-id=none --gc-sections -T efi/image.ld
LIBRARIES = $(INSIGHT_LIB) $(HTTP_LIB) --start-group $(TLS_LIB) $(MBEDTLS_LIB) --end-group --start-group $(NET_LIB) $(LWIP_LIB) --end-group $(MUSL_LIB) $(shell $(CC) -print-libgcc-file-name)
OUR_LIBRARIES = $(INSIGHT_LIB) $(HTTP_LIB) $(TLS_LIB) $(NET_LIB)
GNU_EFI := /usr/lib

.DEFAULT_GOAL := help
.SECONDARY:
.DELETE_ON_ERROR:

# ---- the kernel: compiled once for all apps ------------------------------------------------------

O := build/obj
object = $(patsubst %,$(O)/%.o,$(basename $(1)))
KERNEL_OBJECTS := $(call object,$(KERNEL_SOURCES) $(KERNEL_ASSEMBLY) $(EFI_SOURCES) $(SMP_SOURCES) \
    $(SMP_ASSEMBLY) $(VIRTIO_SOURCES) $(DRIVER_SOURCES) $(POSIX_SOURCES)) $(O)/kernel/font_glyphs.o
# An object's path leads from its source to its flags.
$(O)/efi/%.o: EXTRA_CFLAGS = -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -fshort-wchar
$(O)/efi/%.o: private LEVEL := $(call level,-Os)
$(O)/net/%.o $(O)/kernel/main.o: EXTRA_CFLAGS = $(LWIP_CFLAGS)
$(O)/http/%.o: EXTRA_CFLAGS = $(LWIP_CFLAGS) -isystem $(LLHTTP_DIR)
# Interrupt handlers call them: see INTERRUPT_CONTEXT.
$(O)/kernel/time.o $(O)/kernel/profile.o: EXTRA_CFLAGS = -mgeneral-regs-only
$(O)/posix/start.o: FIRST_CFLAGS = $(POSIX_START_CFLAGS)

# Made for size: what is not waited for, what itself waits for devices or other cores, and what only
# runs when something is wrong.
SMALL := $(call object,$(addprefix kernel/, backtrace.c clock.c console.c debugport.c framebuffer.c \
    kvm_clock.c log.c mtrr.c nmi.c numa.c options.c panic.c pci.c power.c serial.c snapshot.c symbols.c trace.c \
    watchdog.c) \
    $(addprefix smp/, borrow.c bringup.c tsc_sync.c) $(addprefix virtio/, probe.c rng.c transport_pci.c virtq.c) \
    posix/file.c)
$(SMALL): private LEVEL := $(call level,-Os)

# Not compiled with the rest as one: what runs before the image is relocated or the C library is up.
$(O)/efi/%.o $(O)/posix/start.o: private LTO_CFLAGS :=

$(O)/%.o: %.c Makefile $(LEVEL_STAMP) | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) $(LTO_CFLAGS) $(WARNINGS) -MMD -MP -c -o $@ $<
$(O)/%.o: %.asm
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@nasm $(AFLAGS) -MD $(@:.o=.d) -o $@ $<

build/font_glyphs.c: kernel/mkfont.py | $(THIRD_PARTY_STAMP)
	@mkdir -p $(@D)
	@echo "  FONT    $@"
	@/usr/bin/python3 kernel/mkfont.py $(SPLEEN_DIR) $@
$(O)/kernel/font_glyphs.o: build/font_glyphs.c | $(MUSL_LIB)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(WARNINGS) -c -o $@ $<

# lwIP, unedited, in an archive of its own: the linker script makes all that it writes core-local. Its assertions
# are about itself, and hold in the unit tests; here they would be 6 % of a request.
LWIP_LIB := build/liblwip.a
LWIP_OBJECTS := $(patsubst $(LWIP_DIR)/src/%.c,$(O)/lwip/%.o,$(LWIP_SOURCES))
$(LWIP_OBJECTS): $(O)/lwip/%.o: $(LWIP_DIR)/src/%.c Makefile third_party/third_party.mk $(LEVEL_STAMP) | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo "  CC      lwip/$*.c"
	@$(CC) $(CFLAGS) $(LWIP_CFLAGS) $(LWIP_HOOKS_$(*F)) -DLWIP_NOASSERT -flto -Wall -MMD -MP -c -o $@ $<
# Compiled as one: most of its functions are small, and call each other across files for each segment.
$(O)/lwip.o: $(LWIP_OBJECTS)
	@echo "  LTO     $@"
	@$(CC) $(CFLAGS) -flto -flto-partition=one -r -nostdlib -flinker-output=nolto-rel -o $@ $^
$(LWIP_LIB): $(O)/lwip.o
	@rm -f $@
	@ar rcsD $@ $^

# Ours in one too: only an app that uses the network carries it. Nothing refers to a driver, so the
# drivers are one object with the registry of devices, to which net/ does.
NET_LIB := build/libnet.a
NET_OBJECTS := $(call object,$(NET_SOURCES) $(NET_DRIVER_SOURCES))
$(O)/net_drivers.o: $(call object,$(NET_DRIVER_SOURCES))
	@$(if $(LTO),$(CC) $(CFLAGS) -flto -flto-partition=one -nostdlib -flinker-output=nolto-rel,ld) -r -o $@ $^
$(NET_LIB): $(call object,$(NET_SOURCES)) $(O)/net_drivers.o
	@rm -f $@
	@ar rcsD $@ $^

# TLS on Mbed TLS, unedited, whose data is core-local like lwIP's; only an app that calls tls/ carries them.
MBEDTLS_LIB := build/libmbedtls.a
MBEDTLS_OBJECTS := $(patsubst $(MBEDTLS_DIR)/%.c,$(O)/mbedtls/%.o,$(MBEDTLS_SOURCES))
$(MBEDTLS_OBJECTS): $(O)/mbedtls/%.o: $(MBEDTLS_DIR)/%.c Makefile $(LEVEL_STAMP) third_party/mbedtls/config.h | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo "  CC      mbedtls/$*.c"
	@$(CC) $(CFLAGS) $(MBEDTLS_CFLAGS) -c -o $@ $<
# Each block of each record goes through them. What CPUs with AES and carry-less products have, too, turns
# the first one's loops over bytes into one instruction each.
$(O)/mbedtls/library/aesni.o: EXTRA_CFLAGS = -mssse3
$(O)/mbedtls/library/psa_crypto_ecp.o: EXTRA_CFLAGS = -Dmbedtls_ecp_mul=tls_ecp_mul
# Its loops over five words pay only when they are none any more.
$(O)/mbedtls/3rdparty/everest/library/Hacl_Curve25519_joined.o: private LEVEL := $(call level,-O3)
$(O)/mbedtls/library/aesni.o $(O)/mbedtls/library/gcm.o: private LEVEL := $(call level,-O3)
$(MBEDTLS_LIB): $(MBEDTLS_OBJECTS)
	@rm -f $@
	@ar rcsD $@ $^
TLS_LIB := build/libtls.a
TLS_OBJECTS := $(call object,$(TLS_SOURCES))
$(O)/tls/%.o: EXTRA_CFLAGS = $(MBEDTLS_CFLAGS) $(LWIP_CFLAGS)
$(TLS_LIB): $(TLS_OBJECTS)
	@rm -f $@
	@ar rcsD $@ $^

# The HTTP server, with the fetched parser, which is compiled as it is, without our warnings.
HTTP_LIB := build/libhttp.a
HTTP_OBJECTS := $(call object,$(HTTP_SOURCES)) $(LLHTTP_SOURCES:$(LLHTTP_DIR)/%.c=$(O)/llhttp/%.o)
$(O)/llhttp/%.o: $(LLHTTP_DIR)/%.c Makefile $(LEVEL_STAMP) | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo "  CC      llhttp/$*.c"
	@$(CC) $(CFLAGS) -DLLHTTP_STRICT_MODE=1 -MMD -MP -c -o $@ $<
build/http_statuses.c: http/pack.py
	@mkdir -p $(@D)
	@echo "  PACK    $@"
	@/usr/bin/python3 http/pack.py --statuses $@
$(HTTP_LIB): $(HTTP_OBJECTS)
	@rm -f $@
	@ar rcsD $@ $^

# What each frame and each request passes is made for speed. Neighbouring small fields do not gain by going through
# a vector register together.
$(LWIP_OBJECTS) $(O)/lwip.o $(NET_OBJECTS) $(HTTP_OBJECTS): private LEVEL := $(call level,-O3 -fno-tree-slp-vectorize)

# How to look inside; in an archive too, for an app of the smallest size.
INSIGHT_LIB := build/libinsight.a
INSIGHT_OBJECTS := $(call object,$(INSIGHT_SOURCES))
$(INSIGHT_LIB): $(INSIGHT_OBJECTS)
	@rm -f $@
	@ar rcsD $@ $^

# Without those that firmware and C programs see: the layers in which nothing locks. Compiled as one, what counts
# is an app that uses all of them, and the assembly.
LAYER_OBJECTS := $(filter $(O)/kernel/% $(O)/smp/% $(O)/virtio/% $(O)/drivers/% $(O)/net/% $(O)/tls/% $(O)/http/%, \
    $(KERNEL_OBJECTS) $(INSIGHT_OBJECTS) $(NET_OBJECTS) $(TLS_OBJECTS) $(HTTP_OBJECTS))
.PHONY: layer-objects
layer-objects: $(if $(LTO),build/http/lto.o $(call object,$(KERNEL_ASSEMBLY) $(SMP_ASSEMBLY)),$(LAYER_OBJECTS))
	@printf '%s\n' $^

# ---- one app -------------------------------------------------------------------------------------

# An app is apps/NAME.c, or the files apps/NAME/*.c; those in apps/NAME/www/ are packed into it for its server, those in
# apps/NAME/files/ for fopen(). An app.mk in its folder may set APP_SOURCES_NAME instead, and add APP_OBJECTS_NAME and
# APP_CFLAGS_NAME; APP_FOLDER is where somebody else's lies.
APP_FOLDER := $(OUTSIDE:%=build/apps/%)
-include $(wildcard apps/*/app.mk $(APP_FOLDER)/app.mk)
app_place = $(if $(filter $(1),$(OUTSIDE)),build/apps,apps)
app_files = $(wildcard $(app_place)/$(1)/www)
app_opened = $(wildcard $(app_place)/$(1)/files)
# Warnings are errors in what is ours.
app_warnings = $(if $(filter $(1),$(OUTSIDE)),-Wall,$(WARNINGS))

# The second link puts the table of function names, read from the first, at the image's end.
define app_rules
APP_SOURCES_$(1) ?= $$(wildcard $(app_place)/$(1).c $(app_place)/$(1)/*.c)
APP_LDFLAGS_$(1) := $$(if $$(filter $(1),$$(APPS_WITHOUT_INSIGHT)),,$$(INSIGHT_PARTS:%=-u %))
APP_OBJECTS_$(1) += $$(patsubst %.c,build/$(1)/obj/%.o,$$(APP_SOURCES_$(1)) build/$(1)/name.c $(if $(app_files),build/$(1)/www.c) $(if $(app_opened),build/$(1)/files.c))
build/$(1)/www.c: http/pack.py $(if $(app_files),$$(shell find -L $(app_files)))
	@mkdir -p $$(@D)
	@echo "  PACK    $$@"
	@/usr/bin/python3 http/pack.py $(app_files) $$@
build/$(1)/files.c: posix/pack_files.py $(if $(app_opened),$$(shell find -L $(app_opened) | sed 's/[^A-Za-z0-9_./-]/\\&/g'))
	@mkdir -p $$(@D)
	@echo "  PACK    $$@"
	@/usr/bin/python3 posix/pack_files.py $(app_opened) $$@
build/$(1)/name.c:
	@mkdir -p $$(@D)
	@printf '#include "kernel/main.h"\n\nchar app_name[] = "$(1)";\n' > $$@
build/$(1)/obj/%.o: %.c Makefile $(wildcard $(app_place)/$(1)/app.mk) $(LEVEL_STAMP) | $$(MUSL_LIB)
	@mkdir -p $$(@D)
	@echo "  CC      $$<"
	@$$(CC) $$(CFLAGS) $$(LTO_CFLAGS) $(app_warnings) $$(LWIP_CFLAGS) $$(APP_CFLAGS_$(1)) -MMD -MP -c -o $$@ $$<
LINKED_$(1) := $$(if $$(LTO),build/$(1)/lto.o,$$(APP_OBJECTS_$(1)) $$(KERNEL_OBJECTS))
build/$(1)/lto.o: $$(APP_OBJECTS_$(1)) $$(KERNEL_OBJECTS) $$(OUR_LIBRARIES)
	@echo "  LTO     $$@"
	@$$(CC) $$(CFLAGS) -flto -flto-partition=one -r -nostdlib -flinker-output=nolto-rel -Wl,-z,noexecstack $$(APP_LDFLAGS_$(1)) -o $$@ $$^
build/$(1)/first.elf: $$(LINKED_$(1)) $$(OUR_LIBRARIES) $$(MBEDTLS_LIB) $$(LWIP_LIB) $$(MUSL_LIB) efi/image.ld
	@echo "  LD      $$@"
	@ld $$(LDFLAGS) $$(APP_LDFLAGS_$(1)) -o $$@ $(GNU_EFI)/crt0-efi-x86_64.o $$(LINKED_$(1)) $$(LIBRARIES) \
	    2>build/$(1)/link.txt || { cat build/$(1)/link.txt; posix/missing <build/$(1)/link.txt; exit 1; } >&2
	@cat build/$(1)/link.txt >&2
build/$(1)/symbols.s: build/$(1)/first.elf kernel/mksymbols.py
	@nm -n $$< | /usr/bin/python3 kernel/mksymbols.py > $$@
build/$(1)/toril.elf: build/$(1)/first.elf build/$(1)/symbols.s
	@echo "  LD      $$@"
	@$$(CC) $$(CFLAGS) -c -o build/$(1)/symbols.o build/$(1)/symbols.s
	@ld $$(LDFLAGS) $$(APP_LDFLAGS_$(1)) -Map build/$(1)/toril.map -o $$@ $(GNU_EFI)/crt0-efi-x86_64.o $$(LINKED_$(1)) \
	    build/$(1)/symbols.o $$(LIBRARIES)
build/$(1)/BOOTX64.EFI: build/$(1)/toril.elf efi/mkimage
	@echo "  EFI     $$@"
	@efi/mkimage $$< $$@
.PHONY: $(1)
$(1): build/$(1)/BOOTX64.EFI
-include $$(patsubst %.o,%.d,$$(APP_OBJECTS_$(1)))
endef
$(foreach app,$(APPS) $(OUTSIDE),$(eval $(call app_rules,$(app))))
-include $(patsubst %.o,%.d,$(KERNEL_OBJECTS) $(INSIGHT_OBJECTS) $(NET_OBJECTS) $(TLS_OBJECTS) $(HTTP_OBJECTS) $(LWIP_OBJECTS))

# ---- everything else -----------------------------------------------------------------------------

include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/boot/firmware/firmware.mk tests/boot/line/line.mk bench/bench.mk

.PHONY: all help clean check-no-traps
all: $(APPS) ## every app
clean: ## remove what was built, but not what was fetched
	rm -rf build/obj build/unit build/fuzz build/firmware $(LWIP_LIB) $(NET_LIB) $(TLS_LIB) $(MBEDTLS_LIB) $(HTTP_LIB) $(INSIGHT_LIB) build/font_glyphs.c \
	    build/http_statuses.c $(APPS:%=build/%) $(patsubst build/apps/%,build/%,$(basename $(wildcard build/apps/*))) build/apps
help: ## this list
	@echo "make APP       build/APP/BOOTX64.EFI, toril.elf and toril.map; APP is one of: $(APPS)"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t       \2/' | expand -t 8
