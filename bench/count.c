// SPDX-License-Identifier: MIT
// A plugin of QEMU's TCG that counts the instructions a machine executes, and those of them that
// lock the bus. `-plugin build/bench/count.so,to=FILE`: FILE is two native 64-bit words, always up
// to date: all instructions, locked ones. A halted core executes nothing. Exact with
// `-accel tcg,thread=single` alone, for the words are plain.
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/qemu_plugin.h"

EXPORTED int qemu_plugin_version = 1;

static struct {
    uint64_t instructions, locked;
} * counts;

static bool is_prefix(uint8_t byte)
{
    return byte != 0 && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte) != NULL;
}

// With a LOCK prefix, or XCHG with memory, which needs none. Spec: Intel SDM volume 2, 2.1 and
// XCHG.
static bool is_locked(const uint8_t *code, size_t size)
{
    size_t at = 0;
    for (; at < size && is_prefix(code[at]); at++)
        if (code[at] == 0xf0)
            return true;
    if (at < size && code[at] >> 4 == 4) // REX
        at++;
    return at + 1 < size && (code[at] & 0xfe) == 0x86 && code[at + 1] >> 6 != 3;
}

// Each instruction by itself: a block may be left in the middle, and one with a REP prefix runs
// again for each round.
static void translated(uint64_t plugin, struct qemu_plugin_tb *block)
{
    (void)plugin;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *one = qemu_plugin_tb_get_insn(block, i);
        qemu_plugin_register_vcpu_insn_exec_inline(one, ADD_U64, &counts->instructions, 1);
        if (is_locked(qemu_plugin_insn_data(one), qemu_plugin_insn_size(one)))
            qemu_plugin_register_vcpu_insn_exec_inline(one, ADD_U64, &counts->locked, 1);
    }
}

int qemu_plugin_install(uint64_t plugin, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "to=", 3) != 0) {
        fprintf(stderr, "count: wants to=FILE and nothing else\n");
        return 1;
    }
    int file = open(argv[0] + 3, O_RDWR | O_CREAT, 0644);
    if (file < 0 || ftruncate(file, sizeof(*counts)) != 0 ||
        (counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) ==
            MAP_FAILED) {
        perror(argv[0] + 3);
        return 1;
    }
    close(file);
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    return 0;
}
