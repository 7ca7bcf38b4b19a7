# SPDX-License-Identifier: MIT
UNIT_TESTS += place
UNIT_SOURCES_place := efi/place.c
UNIT_CFLAGS_place := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
