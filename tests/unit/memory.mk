# SPDX-License-Identifier: MIT
UNIT_TESTS += memory
UNIT_SOURCES_memory := build/unit/memory.o
build/unit/memory.o: kernel/memory.asm
	@mkdir -p $(@D)
	@nasm -f elf64 -Dmemcpy=tested_memcpy -Dmemcmp=tested_memcmp -o $@ $<
