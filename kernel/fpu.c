// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 1, 13.2 (finding XSAVE features), 13.3 (turning them on); volume
// 3, 2.5, 2.6 (control registers, XCR0).
#include "kernel/fpu.h"

#include "kernel/cpu.h"

#define CR0_MP         (1ull << 1)
#define CR0_EM         (1ull << 2)
#define CR0_TS         (1ull << 3)
#define CR0_NE         (1ull << 5)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_OSXSAVE    (1ull << 18)
#define XCR0_X87       (1ull << 0)
#define XCR0_SSE       (1ull << 1)
#define XCR0_AVX       (1ull << 2)
#define XCR0_AVX512    (7ull << 5) // mask registers, upper halves, registers 16 to 31: all or none
#define LEAF_XSAVE     0x0d

static bool has_xsave(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    return c >> 26 & 1;
}

static uint64_t wanted_features(void)
{
    uint32_t a, b, c, d;
    cpu_id(LEAF_XSAVE, 0, &a, &b, &c, &d);
    uint64_t features = XCR0_X87 | XCR0_SSE;
    if (a & XCR0_AVX)
        features |= XCR0_AVX;
    if ((a & XCR0_AVX) && (a & XCR0_AVX512) == XCR0_AVX512)
        features |= XCR0_AVX512;
    return features;
}

void fpu_start_core(void)
{
    cpu_write_cr0((cpu_read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    uint64_t cr4 = cpu_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (has_xsave()) {
        cpu_write_cr4(cr4 | CR4_OSXSAVE);
        cpu_write_xcr0(wanted_features());
    } else {
        cpu_write_cr4(cr4);
    }
    cpu_reset_fpu(FPU_MXCSR_DEFAULT); // FPU_X87_CONTROL_DEFAULT is what the reset itself sets
}
