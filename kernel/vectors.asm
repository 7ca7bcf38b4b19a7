; SPDX-License-Identifier: MIT
; One entry a vector. Entry state: as the CPU leaves it in long mode (Intel SDM volume 3, 6.14): on the
; interrupt stack that the TSS names, interrupts off, SS RSP RFLAGS CS RIP pushed and, for some
; exceptions, an error code. Each entry makes that uniform and goes to vector_common.
bits 64
default rel

extern interrupt_dispatch
global vector_entries
global vector_return

section .text

; Clobbers nothing of the interrupted code. Vector registers are not saved: interrupt handlers are
; compiled not to use them or save them (interrupt_call), and exceptions do not return. What handlers
; keep, as all functions do, is saved for reports only: not for a device's interrupt.
%macro push_clobbered 0
        push rax
        push rcx
        push rdx
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        push rbp
%endmacro

vector_no_code:
        push qword [rsp]                ; the vector
        mov qword [rsp + 8], 0          ; in its first place: an error code
vector_common:
        push_clobbered
        push rbx
        push r12
        push r13
        push r14
        push r15
        jmp vector_device.call
vector_device:
        push qword [rsp]                ; the vector; there is no error code
        push_clobbered
        sub rsp, 5 * 8
.call:                                  ; aligned: the CPU began at a multiple of 16, 22 words ago
        cld
        mov rdi, rsp                    ; struct interrupt_frame *
        mov rbp, rsp
        call interrupt_dispatch
vector_return:                          ; for backtraces: rbp of this frame is the frame saved above
        add rsp, 5 * 8
        pop rbp
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rax
        add rsp, 16                     ; vector, error code
        iretq

; 256 entries of 8 bytes each. They push the vector as a signed byte: its lower 8 bits count.
align 16
vector_entries:
%assign vector 0
%rep 256
        align 8
        push strict byte (vector ^ 0x80) - 0x80
        ; bit n: the CPU pushes an error code for vector n (8, 10-14, 17, 21, 29, 30)
        %if vector < 32 && ((0x60227d00 >> vector) & 1)
        jmp strict near vector_common
        %elif vector >= 32
        jmp strict near vector_device
        %else
        jmp strict near vector_no_code
        %endif
        %assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
