// SPDX-License-Identifier: MIT
// Values held in registers: in those that a callee keeps across switches, in all of them across
// interrupts; and every core has all the vector registers turned on that its CPU has.
// Spec: Intel SDM volume 1, 10.5.1 (the FXSAVE area); System V ABI for x86-64, 3.2.1.
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define YIELDERS      4
#define YIELDS        1000
#define KEPT          6    // rbx rbp r12-r15
#define INTERRUPTS    2000 // on each core
#define INTERVAL_NS   (2 * NS_PER_US)
#define HOLD_TURNS    5000
#define XCR0_AVX      0x4u
#define XCR0_AVX512   0xe6u
#define MXCSR_UNUSUAL 0x7fffu // rounding to zero, denormals are zero; all flags set, all masked
#define X87_UNUSUAL   0x0e7fu // rounding to zero, 53-bit mantissas

// ---- across switches ----------------------------------------------------------------------------

// Loads the registers from `values`, yields, stores them there.
void registers_yield(uint64_t values[KEPT]);
__asm__(".pushsection .text.registers_yield, \"ax\"\n"
        "registers_yield:\n\t"
        "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15; push %rdi\n\t"
        "mov 0(%rdi), %rbx; mov 8(%rdi), %rbp; mov 16(%rdi), %r12\n\t"
        "mov 24(%rdi), %r13; mov 32(%rdi), %r14; mov 40(%rdi), %r15\n\t"
        "call thread_yield\n\t"
        "pop %rdi\n\t"
        "mov %rbx, 0(%rdi); mov %rbp, 8(%rdi); mov %r12, 16(%rdi)\n\t"
        "mov %r13, 24(%rdi); mov %r14, 32(%rdi); mov %r15, 40(%rdi)\n\t"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n\t"
        "ret\n"
        ".popsection");

static PERCORE unsigned yielders_left;
static PERCORE bool no_yielder_left;

static void hold_over_yields(void *argument)
{
    uint64_t number = (uintptr_t)argument;
    for (unsigned turn = 0; turn < YIELDS; turn++) {
        uint64_t values[KEPT], expected[KEPT];
        for (uint64_t i = 0; i < KEPT; i++)
            expected[i] = values[i] = (number << 32 | turn) * 0x9e3779b97f4a7c15 + i;
        registers_yield(values);
        CHECK(memcmp(values, expected, sizeof(values)) == 0);
    }
    no_yielder_left = --yielders_left == 0;
}

static void hold_side_by_side(void *argument)
{
    (void)argument;
    no_yielder_left = false;
    yielders_left = YIELDERS;
    for (uintptr_t i = 0; i < YIELDERS; i++)
        if (!CHECK(thread_create("holder", hold_over_yields, (void *)i) != NULL))
            return;
    run_wait_for(&no_yielder_left);
}

void case_registers_over_yields(void)
{
    run_on_all(hold_side_by_side, NULL);
}

// ---- across interrupts --------------------------------------------------------------------------

struct registers {
    _Alignas(64) uint8_t vectors[32][64]; // as many of them, and as much of each, as there are
    _Alignas(16) struct {
        uint16_t x87_control, x87_status;
        uint8_t x87_valid, reserved;
        uint16_t opcode;
        uint64_t pointers[2];
        uint32_t mxcsr, mxcsr_mask;
        uint8_t x87[8][16]; // 10 bytes each; the lower 8 are MMX's
        uint8_t xmm[16][16];
        uint8_t rest[96];
    } area;               // of FXSAVE
    uint64_t general[15]; // all but rsp
    uint16_t masks[8];
};
_Static_assert(offsetof(struct registers, area) == 2048 &&
                   offsetof(struct registers, general) == 2560 &&
                   offsetof(struct registers, masks) == 2680,
               "as registers_hold() has them");

// By their names in registers_hold(), which has no register free for an address.
PERCORE struct registers registers_in, registers_out;
PERCORE uint64_t registers_turns; // how long they are held
PERCORE uint32_t registers_level; // of vector registers: 0 SSE, 1 AVX, 2 AVX-512

#define GENERAL(what)                                                                              \
    what(rax, 0) what(rbx, 1) what(rcx, 2) what(rdx, 3) what(rsi, 4) what(rdi, 5) what(rbp, 6)     \
        what(r8, 7) what(r9, 8) what(r10, 9) what(r11, 10) what(r12, 11) what(r13, 12)             \
            what(r14, 13) what(r15, 14)
#define EIGHT(what)       what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7)
#define NEXT_EIGHT(what)  what(8) what(9) what(10) what(11) what(12) what(13) what(14) what(15)
#define UPPER_EIGHT(what) what(16) what(17) what(18) what(19) what(20) what(21) what(22) what(23)
#define LAST_EIGHT(what)  what(24) what(25) what(26) what(27) what(28) what(29) what(30) what(31)

#define GENERAL_LOAD(name, i)  "mov registers_in+2560+8*" #i "(%rip), %" #name "\n\t"
#define GENERAL_STORE(name, i) "mov %" #name ", registers_out+2560+8*" #i "(%rip)\n\t"
#define YMM_LOAD(i)            "vmovups registers_in+64*" #i "(%rip), %ymm" #i "\n\t"
#define YMM_STORE(i)           "vmovups %ymm" #i ", registers_out+64*" #i "(%rip)\n\t"
#define ZMM_LOAD(i)            "vmovups registers_in+64*" #i "(%rip), %zmm" #i "\n\t"
#define ZMM_STORE(i)           "vmovups %zmm" #i ", registers_out+64*" #i "(%rip)\n\t"
#define MASK_LOAD(i)           "kmovw registers_in+2680+2*" #i "(%rip), %k" #i "\n\t"
#define MASK_STORE(i)          "kmovw %k" #i ", registers_out+2680+2*" #i "(%rip)\n\t"
#define ALL_YMM(what)          EIGHT(what) NEXT_EIGHT(what)
#define ALL_ZMM(what)          EIGHT(what) NEXT_EIGHT(what) UPPER_EIGHT(what) LAST_EIGHT(what)

// Loads all registers from registers_in, holds them, stores them in registers_out.
void registers_hold(void);
__asm__(".pushsection .text.registers_hold, \"ax\"\n"
        "registers_hold:\n\t"
        "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n\t"
        "mov %rsp, %rax; sub $528, %rsp; and $-16, %rsp; mov %rax, 512(%rsp)\n\t"
        "fxsave64 (%rsp)\n\t"
        // The wider registers first: FXRSTOR leaves what is above their lower 16 bytes.
        "cmpl $1, registers_level(%rip); jb 2f; ja 1f\n\t" // clang-format off
        ALL_YMM(YMM_LOAD)
        "jmp 2f\n"
        "1:\t" ALL_ZMM(ZMM_LOAD) EIGHT(MASK_LOAD)
        "\n2:\tfxrstor64 registers_in+2048(%rip)\n\t"
        GENERAL(GENERAL_LOAD)
        "\n3:\tdecq registers_turns(%rip); jnz 3b\n\t"
        GENERAL(GENERAL_STORE)
        "fxsave64 registers_out+2048(%rip)\n\t"
        "cmpl $1, registers_level(%rip); jb 5f; ja 4f\n\t"
        ALL_YMM(YMM_STORE)
        "vzeroupper; jmp 5f\n"
        "4:\t" ALL_ZMM(ZMM_STORE) EIGHT(MASK_STORE) // clang-format on
        "vzeroupper\n"
        "5:\tfxrstor64 (%rsp); mov 512(%rsp), %rsp\n\t"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n\t"
        "ret\n"
        ".popsection");

static uint64_t enabled_features(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    return c >> 27 & 1 ? cpu_read_xcr0() : 0;
}

static void fill(unsigned seed)
{
    uint32_t state = seed * 7919 + core_index() + 1;
    uint8_t *bytes = (uint8_t *)&registers_in;
    for (size_t i = 0; i < sizeof(registers_in); i++)
        bytes[i] = (uint8_t)run_pseudo_random(&state);
    memset(&registers_out, 0, sizeof(registers_out));
    registers_in.area.x87_control = X87_UNUSUAL;
    registers_in.area.x87_status = 0x21; // some flags; what is the top is register 0
    registers_in.area.x87_valid = 0xff;
    registers_in.area.mxcsr = MXCSR_UNUSUAL;
    for (unsigned i = 0; i < 16; i++)
        memcpy(registers_in.area.xmm[i], registers_in.vectors[i], 16);
}

static void compare(void)
{
    CHECK(memcmp(registers_in.general, registers_out.general, sizeof(registers_in.general)) == 0);
    CHECK_EQUAL(registers_out.area.x87_control, X87_UNUSUAL);
    CHECK_EQUAL(registers_out.area.x87_status, registers_in.area.x87_status);
    CHECK_EQUAL(registers_out.area.x87_valid, 0xff);
    CHECK_EQUAL(registers_out.area.mxcsr, MXCSR_UNUSUAL);
    for (unsigned i = 0; i < 8; i++)
        CHECK(memcmp(registers_in.area.x87[i], registers_out.area.x87[i], 10) == 0);
    for (unsigned i = 0; i < 16; i++)
        CHECK(memcmp(registers_in.area.xmm[i], registers_out.area.xmm[i], 16) == 0);
    static const size_t counts[] = {0, 16, 32}, sizes[] = {0, 32, 64}; // of each level
    for (unsigned i = 0; i < counts[registers_level]; i++)
        CHECK(memcmp(registers_in.vectors[i], registers_out.vectors[i], sizes[registers_level]) ==
              0);
    if (registers_level == 2)
        CHECK(memcmp(registers_in.masks, registers_out.masks, sizeof(registers_in.masks)) == 0);
}

static void hold_over_interrupts(void *argument)
{
    (void)argument;
    uint64_t features = enabled_features();
    registers_level = (features & XCR0_AVX512) == XCR0_AVX512 ? 2 : features & XCR0_AVX ? 1 : 0;
    uint64_t before = interrupt_stats_of(core_index()).handled;
    uint64_t give_up_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    for (unsigned seed = 0; interrupt_stats_of(core_index()).handled - before < INTERRUPTS;
         seed++) {
        if (!CHECK(time_now_ns() < give_up_ns))
            return;
        fill(seed);
        registers_turns = HOLD_TURNS;
        time_arm_interrupt(time_now_ns() + INTERVAL_NS);
        registers_hold();
        compare();
    }
}

void case_registers_over_interrupts(void)
{
    run_on_all(hold_over_interrupts, NULL);
}

// ---- what is turned on --------------------------------------------------------------------------

static void vector_registers(void *argument)
{
    (void)argument;
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    if (!(c >> 26 & 1)) // no XSAVE: nothing to turn on
        return;
    CHECK(c >> 27 & 1); // OSXSAVE
    cpu_id(0x0d, 0, &a, &b, &c, &d);
    CHECK_EQUAL(enabled_features(), a & (XCR0_AVX512 | XCR0_AVX | 3));
}

void case_registers_turned_on(void)
{
    run_on_all(vector_registers, NULL);
}
