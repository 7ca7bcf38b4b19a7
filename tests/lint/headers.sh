#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header compiles alone, with all warnings.
set -eu
cd "$(dirname "$0")/../.."

third_party/fetch
library=build/third_party
status=0
for header in */*.h apps/*/*.h; do
    case $header in
    build/* | 'apps/*/*.h') continue ;;
    # Read by musl's and lwIP's own sources, in their way.
    third_party/* | net/lwipopts.h | net/hooks.h) continue ;;
    efi/*)
        more="-isystem /usr/include/efi -isystem /usr/include/efi/x86_64"
        more="$more -DGNU_EFI_USE_MS_ABI -fshort-wchar"
        ;;
    *) more= ;;
    esac
    # shellcheck disable=SC2086 # words
    printf '#include "%s"\n' "$header" |
        gcc -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes \
            -Wstrict-prototypes -I. -Inet -isystem "$library/lwip/source/src/include" \
            -isystem "$library/llhttp/source" -isystem "$library/mbedtls/source/include" \
            -isystem "$library/mbedtls/source/3rdparty/everest/include" \
            '-DMBEDTLS_CONFIG_FILE="third_party/mbedtls/config.h"' $more -x c - || {
        echo "$header: does not compile alone"
        status=1
    }
done
exit $status
