# SPDX-License-Identifier: MIT
# musl and posix/ as in the image, as a static Linux program with a stub kernel below. The same
# link is done once more with all of musl, position independent: nothing may be left undefined, and
# only relative relocations may remain.
include third_party/third_party.mk
UNIT_TESTS += posix
POSIX_TEST_CFLAGS = -std=gnu11 -g -O2 -fPIE -mno-red-zone -fno-omit-frame-pointer \
    -fstack-protector-strong -mstack-protector-guard=global \
    -Wall -Wextra -Werror -Wshadow $(MUSL_CFLAGS) -I.
POSIX_TEST_OBJECTS = $(patsubst %.c,build/unit/posix/%.o,$(notdir $(POSIX_SOURCES) \
    tests/unit/posix_kernel.c tests/unit/posix_program.c))

build/unit/test_posix: $(MUSL_LIB) $(wildcard posix/*.[ch] kernel/*.h tests/unit/posix_*.[ch]) \
    tests/unit/posix.mk
	@mkdir -p build/unit/posix
	@echo "  HOSTCC  $@"
	@for source in $(POSIX_SOURCES) tests/unit/posix_kernel.c tests/unit/posix_program.c; do \
	    own=; [ $$source != posix/start.c ] || own="$(POSIX_START_CFLAGS)"; \
	    gcc $(POSIX_TEST_CFLAGS) $$own -c -o build/unit/posix/$$(basename $$source .c).o $$source \
	        || exit 1; \
	done
	@ld -pie -Bsymbolic --no-dynamic-linker -z text -z noexecstack -o build/unit/posix/whole \
	    $(POSIX_TEST_OBJECTS) --whole-archive $(MUSL_LIB) --no-whole-archive \
	    $$(gcc -print-libgcc-file-name)
	@! readelf -rW build/unit/posix/whole | grep 'R_X86_64_' | grep -v 'R_X86_64_RELATIVE'
	@! readelf -lW build/unit/posix/whole | grep -w TLS
	@ld -static --gc-sections -z noexecstack -o $@ $(POSIX_TEST_OBJECTS) $(MUSL_LIB)
