#!/bin/sh
# SPDX-License-Identifier: MIT
# All C is as .clang-format says. Another version of the formatter would have it otherwise.
set -eu
cd "$(dirname "$0")/../.."

formatter=clang-format-14
command -v "$formatter" >/dev/null || {
    echo "no $formatter: ./toril test lint installs it"
    exit 1
}
report=$(find ./* -path ./build -prune -o -type f -name '*.[ch]' \
    -exec "$formatter" --dry-run -Werror {} + 2>&1) && exit
printf '%s\n' "$report"
echo "this mends it: $formatter -i" \
    "$(printf '%s\n' "$report" | sed -n 's|^\./\([^:]*\):[0-9]*:.*|\1|p' | sort -u | xargs)"
exit 1
