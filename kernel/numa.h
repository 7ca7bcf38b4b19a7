// SPDX-License-Identifier: MIT
// Which memory is near which core, as ACPI's SRAT says. Nodes are counted from 0; a machine that
// says nothing has one. Spec: ACPI 6.5, 5.2.16 and 5.2.17.
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"
#include "kernel/core.h"
#include "kernel/pages.h"

#define NUMA_NODES_MAX 64 // further ones are taken for the last

// Owns: *facts, which must stay. Context: core 0, before the others start.
void numa_start(const struct acpi_facts *facts);
unsigned numa_node_count(void);
unsigned numa_node_of_address(uint64_t phys);
unsigned numa_node_of_core(unsigned core);
// Core `core` is the one with this APIC id. Context: core 0, before the others start.
void numa_set_core(unsigned core, uint32_t apic_id);

// This core's pool gives memory of the node of `core` as long as it has some.
void numa_prefer(unsigned core);
// Shares out core 0's pool among `count` cores, core 0 being one: each gets memory of its own node,
// and of others where it would come off badly. share_of(core): what that core will adopt.
void numa_share_memory(unsigned count, struct page_share *(*share_of)(unsigned core));
