# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril bench` does; a part of that script, read by it.

needs_slots="/usr/include/cmocka.h:libcmocka-dev"
needs_http="wrk:wrk ip:iproute2 ping:iputils-ping unshare:util-linux setpriv:util-linux zstd:zstd
    objdump:binutils /etc/services:netbase"

list_benches() {
    cat <<'END'
./toril bench WHAT, and how long that takes on two CPUs. Each installs and builds what it needs first.

  kernel [--check|--update]   what operations cost, in instructions       3 min
  yields [CORES]...           a yield with 2, 16 and 64 cores, counted    5 min
  slots                       exchange slots, a bare cache line beside    10 s
  boot [--rounds N]           firmware left until main, 1 to 16 cores     2 min
  http                        the web server, Linux with nginx beside    12 min
    --quick                     one short round of all                    7 min
    --count, --cards            what is counted; each network card        2 min
    --only ROW                  only this; repeatable
    --update                    and keeps the tables, in bench/http.md
    --rounds N --seconds N      3 of each load, of 3 s
  stream [--count]            one TCP stream each way, Linux beside       2 min
  churn [--connections N]     what 200,000 connections leave behind       4 min
    --update                    and keeps the table, in bench/churn.md
  lines [--only LINE]         the same over lines that lose and delay    16 min
  levels [LEVEL]...           each level of optimisation: sizes, counts  25 min

Only kernel, yields and what is counted do not mind other work on this host.
bench/README.md says what each figure is.
END
}

# What operations cost in instructions. --check and --update: see bench/README.md.
bench_kernel() {
    case $#,${1-} in
    0, | 1,--check | 1,--update) ;;
    *) usage "bench kernel [--check|--update], not '$*'" ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_run
    build bench hello http
    run_make build/bench/host
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/kernel.py "$@"
}

# What a yield costs with few cores and with many, in instructions.
bench_yields() {
    for cores; do
        in_range "$cores" 1 255 || usage "bench yields takes numbers of cores, 1 to 255, not '$cores'"
    done
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run
    build bench
    run_make build/bench/marks.so
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/yields.py "$@"
}

# An exchange slot between two threads of this host against a bare cache line, in nanoseconds.
bench_slots() {
    [ $# = 0 ] || usage "bench slots takes nothing, not '$*'"
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_slots
    run_make build/bench/slots
    build/bench/slots
}

# How long a boot takes, in milliseconds. Options: see bench/README.md.
bench_boot() {
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_run
    build hello
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/boot.py "$@"
}

# Runs a script in a network of its own.
run_alone() { # SCRIPT [OPTION]...
    alone='unshare --net'
    [ "$(id -u)" = 0 ] || alone='unshare --net --map-root-user'
    # In place of this shell, so that whoever ends it ends the machines.
    exec env PYTHONDONTWRITEBYTECODE=1 $alone /usr/bin/python3 "$@"
}

# What is measured beside a minimal Linux needs.
prepare_beside_linux() { # FILE...
    [ -d build/bench/linux/root ] || apt-cache show nginx >/dev/null 2>&1 || as_root apt-get -q update >&2
    run_make build/bench/linux/linux.efi "$@"
}

# The web server beside Linux with nginx. Options: see bench/README.md.
bench_http() {
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run $needs_http
    build http hello echo stream
    prepare_beside_linux build/bench/count.so build/bench/udp_load build/bench/stream_load
    run_alone bench/http.py "$@"
}

# Many connections, one request each. Options: see bench/README.md.
bench_churn() {
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run $needs_http ab:apache2-utils
    build http
    run_make build/bench/count.so
    run_alone bench/churn.py "$@"
}

# One TCP stream over bad lines, beside the same Linux. Options: see bench/README.md.
bench_lines() {
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run $needs_http
    build stream
    prepare_beside_linux build/bench/stream_load build/line/bad_line
    run_alone bench/lines.py "$@"
}

# One TCP stream, beside the same Linux. Options: see bench/README.md.
bench_stream() {
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run $needs_http
    build stream
    prepare_beside_linux build/bench/count.so build/bench/stream_load
    run_alone bench/stream.py "$@"
}

# Every level of optimisation, each built in a folder of its own. LEVEL...: see bench/README.md.
bench_levels() {
    # shellcheck disable=SC2086 # lists of words
    install_needs $needs_build $needs_run $needs_http
    run_make build/third_party/musl/libc.a build/bench/count.so
    run_alone bench/levels.py "$@"
}

run_bench() {
    case ${1-} in
    '' | help) list_benches; return ;;
    kernel | yields | slots | boot | http | churn | stream | lines | levels) ;;
    --check | --update) set -- kernel "$@" ;;
    *) usage "bench [kernel|yields|slots|boot|http|churn|stream|lines|levels], not '$1'" ;;
    esac
    what=$1
    shift
    case $what in
    http | churn | stream | lines | levels)
        [ -c /dev/net/tun ] || die 1 "bench $what needs /dev/net/tun, for a tap device"
        ;;
    esac
    "bench_$what" "$@"
}
