// SPDX-License-Identifier: MIT
// What is turned on for each kind of CPU: QEMU's TCG has none with AVX-512.
#include "host.h"

#include "kernel/cpu.h"
#include "kernel/fpu.h"

#define CR0_FIRMWARE 0x8000003cu // with EM and TS, which make the first instruction a fault
#define CR0_WANTED   0x80000032u // MP and NE, neither of those
#define CR4_FIRMWARE 0x20u       // PAE
#define CR4_WANTED   0x620u      // OSFXSR, OSXMMEXCPT
#define CR4_OSXSAVE  0x40000u
#define NOT_WRITTEN  UINT64_MAX
// Bits of XCR0: Intel SDM volume 1, 13.3.
#define X87_SSE   0x3u
#define AVX       0x4u
#define MPX       0x18u
#define OPMASK    0x20u
#define ZMM_UPPER 0x40u
#define ZMM_16_31 0x80u
#define PKRU      0x200u
#define AMX       0x60000u

static bool xsave;
static uint32_t offered; // by leaf 0x0d
static uint64_t cr0, cr4, xcr0;
static uint32_t mxcsr;

void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    assert_true(leaf == 1 || (leaf == 0x0d && xsave));
    assert_int_equal(subleaf, 0);
    *a = leaf == 1 ? 0 : offered;
    *c = leaf == 1 && xsave ? 1u << 26 : 0;
    *b = *d = 0;
}

uint64_t cpu_read_cr0(void)
{
    return cr0;
}

void cpu_write_cr0(uint64_t value)
{
    cr0 = value;
}

uint64_t cpu_read_cr4(void)
{
    return cr4;
}

void cpu_write_cr4(uint64_t value)
{
    cr4 = value;
}

void cpu_write_xcr0(uint64_t value)
{
    assert_true(cr4 & CR4_OSXSAVE);                  // else an invalid opcode
    assert_int_equal(value & ~(uint64_t)offered, 0); // else a general protection fault
    xcr0 = value;
}

void cpu_reset_fpu(uint32_t value)
{
    assert_int_equal(cr0, CR0_WANTED);
    assert_int_equal(cr4 & CR4_WANTED, CR4_WANTED);
    mxcsr = value;
}

// Returns: what a CPU is told that offers this; NOT_WRITTEN if nothing.
static uint64_t enabled(bool has_xsave, uint32_t features)
{
    xsave = has_xsave;
    offered = features;
    cr0 = CR0_FIRMWARE;
    cr4 = CR4_FIRMWARE;
    xcr0 = NOT_WRITTEN;
    mxcsr = 0;
    fpu_start_core();
    assert_int_equal(cr0, CR0_WANTED);
    assert_int_equal(cr4, has_xsave ? CR4_WANTED | CR4_OSXSAVE : CR4_WANTED);
    assert_int_equal(mxcsr, FPU_MXCSR_DEFAULT);
    return xcr0;
}

static void test_what_the_cpu_has_is_on(void **state)
{
    (void)state;
    assert_int_equal(enabled(false, 0), NOT_WRITTEN);
    assert_int_equal(enabled(true, X87_SSE), X87_SSE);
    assert_int_equal(enabled(true, X87_SSE | AVX), X87_SSE | AVX);
    assert_int_equal(enabled(true, X87_SSE | AVX | OPMASK | ZMM_UPPER | ZMM_16_31),
                     X87_SSE | AVX | OPMASK | ZMM_UPPER | ZMM_16_31);
}

// Sets that a CPU refuses, and state that nothing would keep.
static void test_nothing_else_is(void **state)
{
    (void)state;
    assert_int_equal(enabled(true, X87_SSE | OPMASK | ZMM_UPPER | ZMM_16_31), X87_SSE);
    assert_int_equal(enabled(true, X87_SSE | AVX | OPMASK), X87_SSE | AVX);
    assert_int_equal(enabled(true, X87_SSE | AVX | OPMASK | ZMM_UPPER), X87_SSE | AVX);
    assert_int_equal(enabled(true, X87_SSE | AVX | ZMM_UPPER | ZMM_16_31), X87_SSE | AVX);
    assert_int_equal(enabled(true, X87_SSE | AVX | MPX | PKRU | AMX), X87_SSE | AVX);
    assert_int_equal(enabled(true, UINT32_MAX), X87_SSE | AVX | OPMASK | ZMM_UPPER | ZMM_16_31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_cpu_has_is_on),
        cmocka_unit_test(test_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
