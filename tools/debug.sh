# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril debug` and `./toril trace` do; a part of that script, read by it.

needs_debug="gdb:gdb"
needs_trace="/usr/bin/python3:python3"

# gdb starts the machine itself: see tools/toril.gdb.py, where an editor's debugger does the same.
debug() {
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_build $needs_run $needs_debug
    words=
    for word; do
        words="$words '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    done
    TORIL_CALLER=$caller_dir
    export TORIL_CALLER
    exec gdb -q -ex 'source tools/toril.gdb.py' -ex "toril start$words"
}

trace() {
    [ $# = 1 ] || usage "trace wants one file: what the console showed"
    file=$(absolute "$1")
    [ -r "$file" ] || usage "no file '$1'"
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_trace
    exec /usr/bin/python3 tools/trace.py "$file"
}
