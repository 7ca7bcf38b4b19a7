// SPDX-License-Identifier: MIT
// A plugin of QEMU's TCG that tells how many instructions the machine has executed whenever it
// comes to a mark, an instruction that apps/bench/marked.c alone has. `-plugin
// build/bench/marks.so,to=FILE`: FILE gets a native 64-bit word a mark. The count is exact from one
// mark to the next as long as the other cores halt.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench/qemu_plugin.h"

EXPORTED int qemu_plugin_version = 1;

static const char mark[] = "\x0f\x1f\x80mark"; // nopl 0x6b72616d(%rax)
static uint64_t executed_count;
static FILE *to;

static void at_mark(unsigned core, void *argument)
{
    (void)core, (void)argument;
    fwrite(&executed_count, sizeof(executed_count), 1, to);
    fflush(to);
}

static void translated(uint64_t plugin, struct qemu_plugin_tb *block)
{
    (void)plugin;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *one = qemu_plugin_tb_get_insn(block, i);
        if (qemu_plugin_insn_size(one) == sizeof(mark) - 1 &&
            memcmp(qemu_plugin_insn_data(one), mark, sizeof(mark) - 1) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(one, at_mark, READS_NO_REGISTERS, NULL);
        qemu_plugin_register_vcpu_insn_exec_inline(one, ADD_U64, &executed_count, 1);
    }
}

int qemu_plugin_install(uint64_t plugin, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "to=", 3) != 0) {
        fprintf(stderr, "marks: wants to=FILE and nothing else\n");
        return 1;
    }
    if ((to = fopen(argv[0] + 3, "wb")) == NULL) {
        perror(argv[0] + 3);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    return 0;
}
