; SPDX-License-Identifier: MIT
; The way of a core from real mode to its loop. Everything up to trampoline_end is copied to a page
; below 1 MiB, so addresses in it are (label - trampoline_start). Many cores run it at once: it has no
; stack and writes nothing.
; Spec: Intel SDM volume 3, 9.4 (multiple-processor initialization), 9.8.5 (entering IA-32e mode).
default rel

global trampoline_start
global trampoline_long
global trampoline_end
global trampoline_enter
extern bringup_core_main

; struct trampoline_parameters (trampoline.h)
PARAMETERS    equ 0x800
P_CR3         equ PARAMETERS + 0
P_CR4         equ PARAMETERS + 4
P_CR0         equ PARAMETERS + 8
P_EFER        equ PARAMETERS + 12
P_PAT         equ PARAMETERS + 16
P_STARTS      equ PARAMETERS + 24
P_ENTRY       equ PARAMETERS + 32
P_START_COUNT equ PARAMETERS + 40
P_START_BYTES equ PARAMETERS + 44
P_FAR         equ PARAMETERS + 48
P_GDT         equ PARAMETERS + 54
; struct core_start
S_APIC_ID     equ 0
S_ROOT        equ 8
S_STACK_TOP   equ 16

MSR_EFER      equ 0xc0000080
MSR_PAT       equ 0x277

section .rodata

; Entry: real mode, CS = page >> 4, IP = 0, everything else undefined.
bits 16
trampoline_start:
        cli
        cld
        mov ax, cs
        mov ds, ax
        movzx ebx, ax
        shl ebx, 4                      ; linear address of this page, kept in ebx
        o32 lgdt [P_GDT]
        mov eax, [P_CR4]
        mov cr4, eax
        mov eax, [P_CR3]
        mov cr3, eax
        mov ecx, MSR_EFER
        mov eax, [P_EFER]
        xor edx, edx
        wrmsr
        mov eax, [P_CR0]                ; protection and paging together: straight to long mode
        mov cr0, eax
        o32 jmp far [P_FAR]

; Entry: long mode, interrupts off, ebx = this page, no stack. Data segments are not used in it.
bits 64
trampoline_long:
        mov esi, ebx                    ; cpuid overwrites ebx
        mov ecx, MSR_PAT
        mov eax, [rsi + P_PAT]
        mov edx, [rsi + P_PAT + 4]
        wrmsr
        xor eax, eax
        cpuid
        cmp eax, 0x0b
        jb .short_id
        mov eax, 0x0b                   ; the whole x2APIC id, if the leaf is there
        xor ecx, ecx
        cpuid
        test ebx, ebx
        jnz .found_id
.short_id:
        mov eax, 1
        cpuid
        shr ebx, 24
        mov edx, ebx
.found_id:
        mov rdi, [rsi + P_STARTS]
        mov ecx, [rsi + P_START_COUNT]
        mov r8d, [rsi + P_START_BYTES]
.next:
        cmp [rdi + S_APIC_ID], edx
        je .mine
        add rdi, r8
        dec ecx
        jnz .next
.stranger:                              ; a core that nobody asked for
        cli
        hlt
        jmp .stranger
.mine:
        mov rax, [rsi + P_ENTRY]
        jmp rax
trampoline_end:

section .text

; void trampoline_enter(void), in the image, which both sets of page tables map.
; Entry: rdi = struct core_start *. Loads the core's own page tables and stack; goes to
; bringup_core_main(start), which does not return.
trampoline_enter:
        mov rax, [rdi + S_ROOT]
        mov cr3, rax
        mov rsp, [rdi + S_STACK_TOP]
        xor ebp, ebp
        call bringup_core_main
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
