# SPDX-License-Identifier: MIT
# The bad line that boot tests and `./toril bench lines` put between a machine and this host.
build/line/bad_line: tests/boot/line/bad_line.c
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 $(WARNINGS) -o $@ $<
