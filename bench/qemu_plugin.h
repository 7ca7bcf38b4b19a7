// SPDX-License-Identifier: MIT
// What a plugin of QEMU's TCG calls, as far as ours do; Debian ships no header of it.
// Spec: QEMU's "TCG Plugins", interface version 1.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_fn)(uint64_t plugin, struct qemu_plugin_tb *block);
typedef void (*executed_fn)(unsigned core, void *argument);
enum { ADD_U64 };
enum { READS_NO_REGISTERS };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, translated_fn translated);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation,
                                                void *word, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            executed_fn executed, int flags, void *argument);
EXPORTED int qemu_plugin_install(uint64_t plugin, const struct qemu_info_t *info, int argc,
                                 char **argv);
