// SPDX-License-Identifier: MIT
// Attacks on the rights of memory.
#include <stdlib.h>

#include "apps/attack/attacks.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/paging.h"

#define RET           0xc3 // the instruction
#define NOWHERE       (PAGING_MMIO_BASE + (1ull << 38))
#define NONCANONICAL  0x0123456789abcdef // bits 63..47 differ
#define ENTRY_ADDRESS 0x000ffffffffff000ull

static char readable; // what a read finds is of no interest

#define WRITE(address) (*(volatile char *)(uintptr_t)(address) = (char)RET)
#define READ(address)  (readable = *(volatile const char *)(uintptr_t)(address))

NOINLINE void attack_write_text(void)
{
    uintptr_t address = (uintptr_t)attack_write_text;
    HIDE(address);
    WRITE(address);
}

NOINLINE void attack_write_rodata(void)
{
    static const char constant[] = "constant";
    const char *address = constant;
    HIDE(address);
    WRITE(address);
}

NOINLINE void attack_write_pointers(void)
{
    static void (*const constant[])(void) = {attack_write_text, attack_write_rodata};
    void (*const *address)(void) = constant;
    HIDE(address);
    WRITE(address);
}

NOINLINE void attack_write_symbols(void)
{
    WRITE(data_end);
}

NOINLINE void attack_write_past_image(void)
{
    WRITE(image_end);
}

NOINLINE void attack_write_page_table(void)
{
    // An entry that is in nobody's way: what may be written must not end in another fault.
    uintptr_t root = cpu_read_cr3() & ENTRY_ADDRESS;
    WRITE(root + 511 * 8 + 6);
}

NOINLINE void attack_write_null(void)
{
    uintptr_t address = 8;
    HIDE(address);
    WRITE(address);
}

NOINLINE void attack_read_null(void)
{
    uintptr_t address = 0;
    HIDE(address);
    READ(address);
}

NOINLINE void attack_read_nowhere(void)
{
    READ(NOWHERE);
}

NOINLINE void attack_read_noncanonical(void)
{
    READ(NONCANONICAL);
}

static NOINLINE void call(const void *code)
{
    void (*function)(void) = (void (*)(void))(uintptr_t)code;
    HIDE(function);
    function();
    NOT_LAST();
}

NOINLINE void attack_execute_heap(void)
{
    unsigned char *code = malloc(16);
    if (code == NULL)
        return;
    code[0] = RET;
    call(code);
    free(code);
}

NOINLINE void attack_execute_stack(void)
{
    volatile unsigned char code[16] = {RET};
    call((const void *)code);
    NOT_LAST();
}

NOINLINE void attack_execute_data(void)
{
    static unsigned char code[16] = {RET};
    call(code);
    NOT_LAST();
}

NOINLINE void attack_jump_null(void)
{
    call(NULL);
    NOT_LAST();
}

NOINLINE void attack_jump_nowhere(void)
{
    call((const void *)NOWHERE);
    NOT_LAST();
}

NOINLINE void attack_jump_noncanonical(void)
{
    call((const void *)NONCANONICAL);
    NOT_LAST();
}
