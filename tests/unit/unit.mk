# Host tests: one program a subject, the same .c files as in the image, with sanitizers.
# Each tests/unit/NAME.mk adds its name to UNIT_TESTS and the sources under test to UNIT_SOURCES_NAME
# (and, where needed, UNIT_CFLAGS_NAME and UNIT_DEPENDS_NAME); the test itself is tests/unit/test_NAME.c.
UNIT_TESTS :=
include $(filter-out tests/unit/unit.mk,$(sort $(wildcard tests/unit/*.mk)))

UNIT_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -Wshadow -DTORIL_HOST -I. -Itests/unit \
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

build/unit/test_%: tests/unit/test_%.c tests/unit/host.c tests/unit/host.h tests/unit/seeded.h $(wildcard kernel/*.h smp/*.h virtio/*.h drivers/*.h net/*.h) \
    | $(THIRD_PARTY_STAMP)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc $(UNIT_CFLAGS) $(UNIT_CFLAGS_$*) -o $@ $< tests/unit/host.c $(UNIT_SOURCES_$*) -lcmocka

define unit_depends
build/unit/test_$(1): $(UNIT_SOURCES_$(1)) $(UNIT_DEPENDS_$(1))
endef
$(foreach name,$(UNIT_TESTS),$(eval $(call unit_depends,$(name))))

.PHONY: unit
unit: $(UNIT_TESTS:%=build/unit/test_%) ## the host tests, built
