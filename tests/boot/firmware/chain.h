// SPDX-License-Identifier: MIT
// Firmware that behaves as some real one does, for the tests: each program of this folder is
// chain.c with one behaviour. It runs before the image under test, in whose place it is started.
#pragma once

// gnu-efi: EFIAPI as a compiler attribute, so that firmware calls are plain calls.
#define GNU_EFI_USE_MS_ABI 1
#include <efi.h>
#include <efilib.h>

// Makes the machine what the test wants, and says so in a line that begins with "firmware: ".
// An error keeps the image from being started.
EFI_STATUS firmware_behave(void);
