; SPDX-License-Identifier: MIT
; Between 4 and 5 levels of page tables, which only a CPU without paging can do.
; Spec: Intel SDM volume 3, 9.8.5 (IA-32e mode initialization), 4.1.2 (changing the paging mode).
default rel

global paging_switch
global paging_switch_end

CR0_PAGING equ 1 << 31
CODE_32    equ 8                        ; selectors of the table below
CODE_64    equ 16
DATA       equ 24

section .text

; void paging_switch(uint32_t root, uint32_t cr4), copied to a page below 4 GiB that may be written.
; Entry: rdi = the new top table, which maps this page and the stack where they are; rsi = CR4 with it.
; Keeps what the SysV calling convention wants kept, segments and descriptor table included.
bits 64
paging_switch:
        pushfq
        cli
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov eax, ds
        push rax
        mov eax, es
        push rax
        mov eax, ss
        push rax
        mov eax, cs
        push rax
        mov [stack_top], rsp                ; upper halves of registers do not outlive 32-bit code
        sgdt [firmware_table]
        lea rdx, [paging_switch]
        lea rax, [descriptors]
        mov [table + 2], rax
        lgdt [table]
        lea rax, [long_mode]
        mov [target], eax
        lea rax, [protected]
        push qword CODE_32
        push rax
        o64 retf

bits 32
protected:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov eax, cr0
        and eax, ~CR0_PAGING
        mov cr0, eax
        mov cr4, esi
        mov cr3, edi
        mov eax, cr0
        or eax, CR0_PAGING
        mov cr0, eax
        jmp far [edx + (target - paging_switch)]

bits 64
long_mode:
        mov rsp, [stack_top]
        lgdt [firmware_table]
        lea rax, [back]
        push rax
        o64 retf                        ; to the code segment that is on the stack
back:
        pop rax
        mov ss, eax
        pop rax
        mov es, eax
        pop rax
        mov ds, eax
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        popfq
        ret

        align 8
descriptors:
        dq 0
        dq 0x00cf9b000000ffff           ; 32-bit code
        dq 0x00af9b000000ffff           ; 64-bit code
        dq 0x00cf93000000ffff           ; data
table:  dw 31
        dq 0
target: dd 0
        dw CODE_64
stack_top:
        dq 0
firmware_table:
        dw 0
        dq 0
paging_switch_end:

section .note.GNU-stack noalloc noexec nowrite progbits
