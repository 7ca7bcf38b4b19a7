; SPDX-License-Identifier: MIT
; Calling convention: System V x86-64. A switch is a call, so only what a callee must keep is kept, on
; the thread's own stack: rbx rbp r12-r15, the control words of the floating-point units; and errno.
bits 64
default rel

global switch_stacks
global switch_run_on
extern thread_entry
extern switch_errno

section .text

; void switch_stacks(void **old_stack, void *new_stack)
; Entry: rdi where the old thread's stack pointer goes, rsi the new thread's, made by an earlier
; switch_stacks or by thread_create (the same frame, returning to switch_first). Returns in the new
; thread. Clobbers what a call may.
switch_stacks:
        push rbp
        push rbx
        push r12
        push r13
        push r14
        push r15
        mov rax, [switch_errno]
        mov ecx, [rax]
        push rcx
        sub rsp, 8
        stmxcsr [rsp]
        fnstcw [rsp + 4]
        mov [rdi], rsp
        mov rsp, rsi
        ldmxcsr [rsp]
        fldcw [rsp + 4]
        add rsp, 8
        pop rcx
        mov [rax], ecx
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbx
        pop rbp
        ret

; Where a new thread starts: thread_entry never returns. rbp is 0: the backtrace ends here.
global switch_first
switch_first:
        xor ebp, ebp
        call thread_entry
        ud2

; _Noreturn void switch_run_on(uintptr_t stack_top, void (*function)(void))
; Leaves the present stack for good and runs function on another; it must not return.
switch_run_on:
        mov rsp, rdi
        xor ebp, ebp
        call rsi
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
