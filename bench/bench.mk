# SPDX-License-Identifier: MIT
# Host programs of bench/, from the image's sources. Those of them that run in the image are apps/bench/.
build/bench/slots: bench/slots.c smp/exchange.c tests/unit/fake_core.c tests/unit/host.c \
    tests/unit/fake_core.h tests/unit/host.h $(wildcard kernel/*.h smp/*.h)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 -g $(WARNINGS) -DTORIL_HOST -I. -Itests/unit -pthread -o $@ \
	    $(filter %.c,$^) -lcmocka

# The kernel as one core, with its own switch; its variables are plain ones, as in tests/unit/sync.mk.
build/bench/host: bench/host.c $(addprefix apps/bench/,measure.c threads.c) $(O)/kernel/switch.o \
    $(addprefix kernel/,thread.c scheduler.c sync.c timer.c heap.c pages.c) \
    tests/unit/shadow/kernel/cpu.h tests/unit/fake_memory.h $(wildcard kernel/*.h apps/bench/*.h)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 -g $(WARNINGS) -fno-omit-frame-pointer -iquote tests/unit/shadow -I. -Itests/unit -o $@ \
	    $(filter %.c %.o,$^)

build/bench/udp_load: bench/udp_load.c
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 $(WARNINGS) -o $@ $<
build/bench/stream_load: bench/stream_load.c
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 $(WARNINGS) -o $@ $<
# Plugins of QEMU's.
build/bench/count.so build/bench/marks.so: build/bench/%.so: bench/%.c bench/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc -std=gnu11 -O2 $(WARNINGS) -shared -fPIC -fvisibility=hidden -I. -o $@ $<
# What Toril is compared with: two images, that with mitigations beside it.
build/bench/linux/linux.efi: bench/linux/make.py bench/linux/init.c bench/linux/nginx.conf apps/http/www/hello.txt
	@echo "  LINUX   $@"
	@/usr/bin/python3 bench/linux/make.py $(@D) apps/http/www/hello.txt
