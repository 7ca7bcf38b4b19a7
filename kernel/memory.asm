; SPDX-License-Identifier: MIT
; memcpy() and memcmp() for what a kernel copies and compares: mostly a few dozen bytes, where loops over
; single bytes cost more than the work. Head and tail overlap instead. General registers only: interrupt
; handlers may call them.

bits 64
default rel
section .text

; void *memcpy(void *to (rdi), const void *from (rsi), size_t size_bytes (rdx))
global memcpy:function hidden
memcpy:
    mov rax, rdi
    cmp rdx, 16
    jb .below_16
    cmp rdx, 32
    ja .above_32
    mov rcx, [rsi]
    mov r8, [rsi + 8]
    mov r9, [rsi + rdx - 16]
    mov r10, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + 8], r8
    mov [rdi + rdx - 16], r9
    mov [rdi + rdx - 8], r10
    ret
.above_32:
    mov r8, [rsi + rdx - 8]
    lea r9, [rdi + rdx - 8]
    lea rcx, [rdx - 1]
    shr rcx, 3
    rep movsq
    mov [r9], r8
    ret
.below_16:
    cmp edx, 8
    jb .below_8
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
.below_8:
    cmp edx, 4
    jb .below_4
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
.below_4:
    test edx, edx
    jz .done
    mov ecx, edx
    shr ecx, 1
    mov r8b, [rsi]
    mov r9b, [rsi + rcx]
    mov r10b, [rsi + rdx - 1]
    mov [rdi], r8b
    mov [rdi + rcx], r9b
    mov [rdi + rdx - 1], r10b
.done:
    ret

; int memcmp(const void *a (rdi), const void *b (rsi), size_t size_bytes (rdx))
global memcmp:function hidden
memcmp:
    xor r8d, r8d ; compared so far
    sub rdx, 8
    jb .bytes
.word:
    mov rax, [rdi + r8]
    mov rcx, [rsi + r8]
    cmp rax, rcx
    jne .differ
    add r8, 8
    cmp r8, rdx
    jb .word
    mov rax, [rdi + rdx] ; the last 8, some of them again
    mov rcx, [rsi + rdx]
    cmp rax, rcx
    jne .differ
    xor eax, eax
    ret
.differ:
    bswap rax ; the first byte decides
    bswap rcx
    cmp rax, rcx
    sbb eax, eax
    or eax, 1
    ret
.bytes:
    add rdx, 8
.byte:
    cmp r8, rdx
    je .equal
    movzx eax, byte [rdi + r8]
    movzx ecx, byte [rsi + r8]
    inc r8
    sub eax, ecx
    jz .byte
    ret
.equal:
    xor eax, eax
    ret
