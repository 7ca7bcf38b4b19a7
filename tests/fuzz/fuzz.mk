# Fuzzers: a program for each who sends us something (clients, servers, firmware, cards), the same .c
# files as in the image, with clang's libFuzzer and sanitizers. Each tests/fuzz/NAME.mk adds its name to
# FUZZ_TESTS and the sources to FUZZ_SOURCES_NAME (and, where needed, FUZZ_CFLAGS_NAME and
# FUZZ_DEPENDS_NAME); the fuzzer itself is tests/fuzz/fuzz_NAME.c, what it begins with lies in
# tests/fuzz/corpus/NAME/.
FUZZ_TESTS :=
include $(filter-out tests/fuzz/fuzz.mk,$(sort $(wildcard tests/fuzz/*.mk)))

# Warnings are gcc's business; but what is not declared has a pointer cut to an int, and no warning.
FUZZ_CFLAGS := -std=gnu11 -g -O1 -D_GNU_SOURCE -DTORIL_HOST -I. -Itests/unit -Itests/fuzz \
    -Wno-everything -Werror=implicit-function-declaration \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

build/fuzz/%: tests/fuzz/fuzz_%.c tests/unit/host.c tests/unit/host.h $(wildcard kernel/*.h smp/*.h net/*.h http/*.h)
	@mkdir -p $(@D)
	@echo "  FUZZCC  $@"
	@clang $(FUZZ_CFLAGS) $(FUZZ_CFLAGS_$*) -o $@ $< tests/unit/host.c $(FUZZ_SOURCES_$*) -lcmocka

define fuzz_depends
build/fuzz/$(1): $(FUZZ_SOURCES_$(1)) $(FUZZ_DEPENDS_$(1))
endef
$(foreach name,$(FUZZ_TESTS),$(eval $(call fuzz_depends,$(name))))
