; SPDX-License-Identifier: MIT
; Calling convention: System V x86-64. A switch is a call, so only what a callee must keep is kept: rbx
; rbp r12-r15 on the thread's own stack, the control words of the floating-point units in the thread.
bits 64
default rel

global switch_threads
global switch_run_on
extern thread_entry

section .text

; struct thread (thread_internal.h)
T_STACK_POINTER equ 0
T_MXCSR         equ 8
T_X87_CONTROL   equ 12

; void switch_threads(struct thread *old, struct thread *next)
; Entry: next's frame was made by an earlier switch_threads or by thread_create (the same frame,
; returning to switch_first). Returns in next. Clobbers what a call may.
switch_threads:
        push rbp
        push rbx
        push r12
        push r13
        push r14
        push r15
        stmxcsr [rdi + T_MXCSR]
        fnstcw [rdi + T_X87_CONTROL]
        mov [rdi + T_STACK_POINTER], rsp
        mov rsp, [rsi + T_STACK_POINTER]
        ldmxcsr [rsi + T_MXCSR]
        fldcw [rsi + T_X87_CONTROL]
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
