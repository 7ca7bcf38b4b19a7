# SPDX-License-Identifier: MIT
"""App selftest: the kernel's own checks inside the machine, and what a fault looks like."""

from __future__ import annotations

import re

import pytest

from conftest import LOAD_HANG_S, Starter


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_cores(boot: Starter, cores: int) -> None:
    """Every check passes with this many cores."""
    machine = boot("selftest", smp=cores)
    machine.expect_end(0, LOAD_HANG_S)
    failed = [line for line in machine.lines if line.startswith("FAIL ")]
    passed = [line for line in machine.lines if line.startswith("PASS ")]
    assert not failed, machine.console
    totals = machine.find(r"^selftest: (\d+) passed, (\d+) failed$")
    assert totals, machine.console
    assert (int(totals[1]), int(totals[2])) == (len(passed), 0)
    assert passed
    refused = re.findall(r"posix: system call (\w+ \(\d+\)|\? \(9999\)) is not served", machine.console)
    assert sorted(refused) == ["? (9999)", "ptrace (101)"], machine.console


def test_mwait(boot: Starter) -> None:
    """Cores that wait in MWAIT are woken by a store: here by an emulator in which it is a nap."""
    cases = "exchange_to_halted_core exchange_ping_pong remote_call_all_pairs interrupt_ends_halt"
    machine = boot("selftest", smp=2, net="none", append=f"idle=mwait -- {cases}")
    machine.expect_end(0, LOAD_HANG_S)
    assert machine.find(r"^selftest: 4 passed, 0 failed$"), machine.console
    assert not machine.find("offers no MWAIT"), machine.console


# What a report must say of each, and the function that it happened in.
PANICS = {
    "assert": (r"assertion failed: one == 2", "fault_assert"),
    "panic": (r"selftest: panic on purpose: 42", "fault_panic"),
    "abort": (r"the program called abort\(\)", "fault_abort"),
}


@pytest.mark.parametrize("fault", PANICS)
def test_panic(boot: Starter, fault: str) -> None:
    """What the kernel finds out itself is reported with its place too."""
    machine = boot("selftest", net="none", append=f"-- fault={fault} core=1")
    machine.expect_end(125)
    what, function = PANICS[fault]
    report = find_report(machine.console, 1)
    check_parts(report, [what, rf"\b{function}\+0x[0-9a-f]+$"])


def test_wait_in_a_callback(boot: Starter) -> None:
    """What waits where nothing may is told, rather than to go on as if it had waited."""
    machine = boot("selftest", net="none", append="-- fault=wait core=1")
    machine.expect_end(125)
    report = find_report(machine.console, 1, "loop")
    check_parts(report, [r"a timer's callback, a poller or a message waits: only threads may",
                         r"\bfault_wait_in_callback\+0x[0-9a-f]+$"])


def test_exit_in_a_thread(boot: Starter) -> None:
    """exit() ends the machine with its status, on whatever core it is called."""
    machine = boot("selftest", net="none", append="-- fault=exit core=3")
    machine.expect_end(3)


def find_report(console: str, core: int, thread: str = "fault") -> str:
    """The report of a panic of this core, to the console's end."""
    start = re.search(r"^toril: panic: .*", console, re.MULTILINE)
    assert start, console
    report = console[start.start():]
    check_parts(report, [rf'^core {core} of 4, thread "{thread}"', r"^backtrace:$",
                         r"^  [0-9a-f]{16}  \w+\+0x[0-9a-f]+$"])
    assert len(re.findall(r"^toril: (?:fault|panic): ", report, re.MULTILINE)) == 1, report
    return report


def check_parts(report: str, patterns: list[str]) -> None:
    """Every pattern is in the report."""
    for pattern in patterns:
        assert re.search(pattern, report, re.MULTILINE), f"no {pattern!r} in the report:\n{report}"
