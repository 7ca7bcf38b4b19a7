# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril bench` does; a part of that script, read by it.

needs_slots="/usr/include/cmocka.h:libcmocka-dev"

# What operations cost in instructions. --check and --update: see bench/README.md.
bench_kernel() {
    case $#,${1-} in
    0, | 1,--check | 1,--update) ;;
    *) usage "bench kernel [--check|--update], not '$*'" ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_run
    build bench hello http
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/kernel.py "$@"
}

# An exchange slot between two threads of this host against a bare cache line, in nanoseconds.
bench_slots() {
    [ $# = 0 ] || usage "bench slots takes nothing, not '$*'"
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_slots
    run_make build/bench/slots
    build/bench/slots
}

run_bench() {
    case ${1-kernel} in
    kernel | slots) ;;
    --*) set -- kernel "$@" ;;
    *) usage "bench [kernel|slots], not '$1'" ;;
    esac
    what=${1-kernel}
    [ $# = 0 ] || shift
    "bench_$what" "$@"
}
