// SPDX-License-Identifier: MIT
// Sets core 0's time stamp counter apart from the others': from here on core 0 is the guest of a
// hypervisor that does nothing but to add to it. The guest is this program itself, as it is, and
// nothing ever brings it back.
// Spec: AMD64 Architecture Programmer's Manual volume 2, 15.5 (VMRUN), 15.30.1 (VM_CR), B (VMCB).
#include "tests/boot/firmware/chain.h"

#define SHIFT 10000000000ull // counts

#define MSR_EFER        0xc0000080
#define MSR_VM_HSAVE_PA 0xc0010117
#define EFER_SVME       (1u << 12)
#define CPUID_SVM       (1u << 2)

struct segment {
    UINT16 selector, attributes;
    UINT32 limit;
    UINT64 base;
};
#define CODE_64 0xa9b
#define DATA    0xc93

struct vmcb {
    UINT32 unused_000[4];
    UINT32 intercept_misc_2; // at 0x010
    UINT32 unused_014[15];
    UINT64 tsc_offset; // 0x050
    UINT32 asid;
    UINT32 unused_05c[233];
    struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; // 0x400
    UINT64 unused_4a0[6];
    UINT64 efer; // 0x4d0
    UINT64 unused_4d8[14];
    UINT64 cr4, cr3, cr0, dr7, dr6, rflags, rip; // 0x548
    UINT64 unused_580[11];
    UINT64 rsp; // 0x5d8
    UINT64 unused_5e0[12];
    UINT64 cr2; // 0x640
    UINT64 unused_648[311];
};
_Static_assert(sizeof(struct vmcb) == 0x1000, "a page");
#define AT(field, offset) _Static_assert(__builtin_offsetof(struct vmcb, field) == (offset), #field)
AT(intercept_misc_2, 0x010);
AT(tsc_offset, 0x050);
AT(es, 0x400);
AT(efer, 0x4d0);
AT(cr4, 0x548);
AT(rip, 0x578);
AT(rsp, 0x5d8);
AT(cr2, 0x640);

static UINT64 read_msr(UINT32 msr)
{
    UINT32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (UINT64)high << 32 | low;
}

static void write_msr(UINT32 msr, UINT64 value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((UINT32)value), "d"((UINT32)(value >> 32)));
}

#define READ(name, instruction)                                                                    \
    static UINT64 read_##name(void)                                                                \
    {                                                                                              \
        UINT64 value;                                                                              \
        __asm__ volatile(instruction : "=r"(value));                                               \
        return value;                                                                              \
    }
READ(cr0, "mov %%cr0, %0")
READ(cr3, "mov %%cr3, %0")
READ(cr4, "mov %%cr4, %0")
READ(dr6, "mov %%dr6, %0")
READ(dr7, "mov %%dr7, %0")
READ(flags, "pushf; pop %0")
READ(cs, "mov %%cs, %0")
READ(ss, "mov %%ss, %0")
READ(ds, "mov %%ds, %0")
READ(es, "mov %%es, %0")

static struct segment flat(UINT64 selector, UINT16 attributes)
{
    return (struct segment){(UINT16)selector, attributes, 0xffffffff, 0};
}

struct __attribute__((packed)) table {
    UINT16 limit;
    UINT64 base;
};

static void fill(struct vmcb *vmcb)
{
    struct table gdt, idt;
    __asm__ volatile("sgdt %0" : "=m"(gdt));
    __asm__ volatile("sidt %0" : "=m"(idt));
    ZeroMem(vmcb, sizeof(*vmcb));
    vmcb->intercept_misc_2 = 1; // VMRUN, which must be
    vmcb->tsc_offset = SHIFT;
    vmcb->asid = 1;
    vmcb->cs = flat(read_cs(), CODE_64);
    vmcb->ss = flat(read_ss(), DATA);
    vmcb->ds = flat(read_ds(), DATA);
    vmcb->es = flat(read_es(), DATA);
    vmcb->gdtr = (struct segment){0, 0, gdt.limit, gdt.base};
    vmcb->idtr = (struct segment){0, 0, idt.limit, idt.base};
    vmcb->efer = read_msr(MSR_EFER);
    vmcb->cr0 = read_cr0();
    vmcb->cr3 = read_cr3();
    vmcb->cr4 = read_cr4();
    vmcb->dr6 = read_dr6();
    vmcb->dr7 = read_dr7();
    vmcb->rflags = read_flags();
}

EFI_STATUS firmware_behave(void)
{
    UINT32 a = 0x80000001, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    EFI_PHYSICAL_ADDRESS pages;
    if (!(c & CPUID_SVM) ||
        EFI_ERROR(BS->AllocatePages(AllocateAnyPages, EfiReservedMemoryType, 2, &pages)))
        return EFI_UNSUPPORTED;
    struct vmcb *vmcb = (struct vmcb *)pages;
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
    write_msr(MSR_VM_HSAVE_PA, pages + sizeof(*vmcb));
    fill(vmcb);
    __asm__ volatile("mov %%rsp, %[rsp]\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "mov %%rax, %[rip]\n\t"
                     "mov %[vmcb], %%rax\n\t"
                     "vmrun %%rax\n"
                     "1:"
                     : [rsp] "=m"(vmcb->rsp), [rip] "=m"(vmcb->rip)
                     : [vmcb] "r"(vmcb)
                     : "rax", "memory", "cc");
    Print(u"firmware: core 0's time stamp counter is %ld counts ahead\n", SHIFT);
    return EFI_SUCCESS;
}
