# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril debug`, `trace` and `profile` do; a part of that script, read by it.

needs_debug="gdb:gdb"
needs_convert="/usr/bin/python3:python3"

# gdb starts the machine itself: see tools/toril.gdb.py, where an editor's debugger does the same.
# What is wrong with the options or the app is said before.
debug() {
    parse_run "$@"
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_build $needs_run $needs_debug
    [ -n "$image" ] || build "$named"
    words=
    for word; do
        words="$words '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    done
    TORIL_CALLER=$caller_dir
    export TORIL_CALLER
    exec gdb -q -ex 'source tools/toril.gdb.py' -ex "toril start$words"
}

# Hands a console's text to a script: convert COMMAND FILE
convert() {
    [ $# = 2 ] || usage "$1 wants one file: what the console showed"
    file=$(absolute "$2")
    [ -r "$file" ] || usage "no file '$2'"
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_convert
    exec /usr/bin/python3 "tools/$1.py" "$file"
}

trace() { convert trace "$@"; }
profile() { convert profile "$@"; }
