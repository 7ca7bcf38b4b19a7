# SPDX-License-Identifier: MIT
# Host programs of bench/, from the image's sources. Those of them that run in the image are apps/bench/.
build/bench/slots: bench/slots.c smp/exchange.c tests/unit/fake_core.c tests/unit/host.c \
    tests/unit/fake_core.h tests/unit/host.h $(wildcard kernel/*.h smp/*.h)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 -g $(WARNINGS) -DTORIL_HOST -I. -Itests/unit -pthread -o $@ \
	    $(filter %.c,$^) -lcmocka
