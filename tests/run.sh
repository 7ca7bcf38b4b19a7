# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril test` does; a part of that script, read by it.

needs_unit="/usr/include/cmocka.h:libcmocka-dev openssl:openssl"
needs_lint="/usr/bin/python3:python3 clang-format-14:clang-format-14"
needs_model="spin:spin gcc:gcc /usr/include/stdio.h:libc6-dev /usr/bin/python3:python3"
needs_fuzz="clang:clang /usr/share/doc/libclang-rt-dev:libclang-rt-dev llvm-symbolizer:llvm
    /usr/include/cmocka.h:libcmocka-dev"
needs_boot="/usr/lib/python3/dist-packages/pytest:python3-pytest
    /usr/lib/python3/dist-packages/xdist:python3-pytest-xdist ip:iproute2 ping:iputils-ping
    gdb:gdb openssl:openssl wget:wget ab:apache2-utils wrk:wrk h2load:nghttp2-client nmap:nmap
    /etc/services:netbase"

passed=0 failed=0 skipped=0

count() { # PASSED [FAILED [SKIPPED]]
    passed=$((passed + $1)) failed=$((failed + ${2:-0})) skipped=$((skipped + ${3:-0}))
}

# Sum of the numbers in those lines of a cmocka report that begin with a mark.
cmocka_sum() { # FILE MARK
    awk -v mark="$2" '$1 == "[" && $2 == mark && $5 ~ /^test/ { sum += $4 } END { print sum + 0 }' "$1"
}

# Programs that cannot have cmocka in them end with "N checks, M failed."
checks_sum() { # FILE
    awk '/ [0-9]+ checks, [0-9]+ failed/ { sum += $(NF - 3) - $(NF - 1) } END { print sum + 0 }' "$1"
}

# Builds the programs of tests/FOLDER with NAME in their names, $names. Returns: false if there is
# none, or the build failed, which counts.
build_tests() { # FOLDER VARIABLE PREFIX NAME
    names=$(sed -n "s/^$2 *+= *//p" "tests/$1"/*.mk | tr ' ' '\n' | grep -F -e "$4" | sort) || :
    [ -n "$names" ] || return 1
    # shellcheck disable=SC2046,SC2086 # lists of words
    run_make $(printf "build/$1/$3%s " $names) && return
    say "tests/$1: the build failed"
    count 0 1
    return 1
}

test_unit() { # NAME, or nothing for all
    build_tests unit UNIT_TESTS test_ "$1" || return 0
    printf '%s\n' "$names" | xargs -P "$(nproc)" -I '{}' sh -c \
        'build/unit/test_{} >build/unit/{}.log 2>&1; echo $? >build/unit/{}.status'
    for name in $names; do
        log=build/unit/$name.log
        good=$(($(cmocka_sum "$log" PASSED) + $(checks_sum "$log")))
        bad=$(cmocka_sum "$log" FAILED)
        # A program that a sanitizer ended printed no totals.
        if [ "$(cat "build/unit/$name.status")" != 0 ] && [ "$bad" = 0 ]; then
            bad=1
        fi
        if [ "$good" = 0 ] && [ "$bad" = 0 ]; then
            echo "$name: ran no test" >>"$log"
            bad=1
        fi
        count "$good" "$bad" "$(cmocka_sum "$log" SKIPPED)"
        [ "$bad" = 0 ] || cat "$log"
        echo "unit/$name: $good passed, $bad failed"
    done
}

test_lint() { # NAME, or nothing for all
    for script in tests/lint/*"$1"*; do
        [ -x "$script" ] || continue
        if "$script"; then
            count 1
            echo "lint/$(basename "$script"): passed"
        else
            count 0 1
            echo "lint/$(basename "$script"): FAILED"
        fi
    done
}

# Lines "model/NAME: passed, ..." or "model/NAME: FAILED".
test_model() { # NAME, or nothing for all
    log=build/model.log
    mkdir -p build
    tests/model/check.py "$1" >"$log" || :
    cat "$log"
    count "$(grep -c '^model/.*: passed' "$log")" "$(grep -c '^model/.*: FAILED$' "$log")"
}

# Each runs for FUZZ_SECONDS (60) on a CPU of this host, from the kept inputs on. What is found lies in
# build/fuzz/: new inputs in NAME.found, one that fails in NAME-crash-... .
test_fuzz() { # NAME, or nothing for all
    build_tests fuzz FUZZ_TESTS '' "$1" || return 0
    printf '%s\n' "$names" | xargs -P "$(nproc)" -I '{}' sh -c "
        mkdir -p build/fuzz/{}.found
        build/fuzz/{} -max_total_time=${FUZZ_SECONDS:-60} -timeout=20 -print_final_stats=1 \\
            -artifact_prefix=build/fuzz/{}- build/fuzz/{}.found tests/fuzz/corpus/{} \\
            >build/fuzz/{}.log 2>&1; echo \$? >build/fuzz/{}.status"
    for name in $names; do
        log=build/fuzz/$name.log
        inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        if [ "$(cat "build/fuzz/$name.status")" = 0 ]; then
            count 1
            echo "fuzz/$name: passed, $inputs inputs"
        else
            count 0 1
            tail -n 60 "$log"
            echo "fuzz/$name: FAILED"
        fi
    done
}

test_boot() { # NAME, or nothing for all
    report=$PWD/build/boot-tests.xml
    rm -f "$report"
    status=0
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider -q -rs \
        -n 2 --dist loadfile --junitxml="$report" tests/boot ${1:+-k "$1"} || status=$?
    # Status 5 is "no test has that name".
    [ "$status" != 5 ] || return 0
    if [ ! -s "$report" ]; then
        count 0 1
        return
    fi
    total() { sed -n "s/.*<testsuite [^>]*$1=\"\\([0-9]*\\)\".*/\\1/p" "$report" | head -n 1; }
    bad=$(($(total failures) + $(total errors)))
    left_out=$(total skipped)
    count $(($(total tests) - bad - left_out)) "$bad" "$left_out"
    # Stopped half-way, or a file that does not load, is a failure too.
    if [ "$bad" = 0 ] && [ "$status" != 0 ]; then
        count 0 1
    fi
}

run_tests() {
    parts='unit lint model fuzz boot' only=
    case ${1-} in
    unit | lint | model | fuzz | boot) parts=$1; shift ;;
    esac
    case $#,${1-} in
    0,) ;;
    2,-k) only=$2 ;;
    *) usage "test [unit|lint|model|fuzz|boot] [-k NAME], not '$*'" ;;
    esac
    needs=$needs_build
    case $parts in *unit*) needs="$needs $needs_unit" ;; esac
    case $parts in *lint*) needs="$needs $needs_lint" ;; esac
    case $parts in *model*) needs="$needs $needs_model" ;; esac
    case $parts in *fuzz*) needs="$needs $needs_fuzz" ;; esac
    case $parts in *boot*) needs="$needs $needs_boot $needs_run" ;; esac
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs
    for part in $parts; do
        "test_$part" "$only"
    done
    if [ $((passed + failed + skipped)) = 0 ]; then
        say "no test has '$only' in its name"
        failed=1
    fi
    [ "$skipped" = 0 ] && tail= || tail=", $skipped skipped"
    echo "$passed passed, $failed failed$tail"
    [ "$failed" = 0 ]
}
