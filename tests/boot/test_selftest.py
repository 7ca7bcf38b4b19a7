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


# What each kind of fault must be called in its report, and the function that it happened in.
FAULTS = {
    "page": ("page fault", "fault_page"),
    "null": ("a null pointer was used", "fault_null"),
    "call-null": ("a null pointer was used", "fault_call_null"),
    "stack": ("stack overflow", "fault_stack"),
    "text": ("page fault", "fault_text"),
    "rodata": ("page fault", "fault_rodata"),
    "data": ("tried to execute", "fault_data"),
    "heap-exec": ("tried to execute", "fault_heap_exec"),
    "stack-exec": ("tried to execute", "fault_stack_exec"),
    "divide": ("divide error", "fault_divide"),
    "opcode": ("invalid opcode", "fault_opcode"),
    "gp": ("general protection fault", "fault_gp"),
    "int3": ("breakpoint", "fault_int3"),
}
PANICS = {
    "assert": (r"assertion failed: one == 2", "fault_assert"),
    "panic": (r"selftest: panic on purpose: 42", "fault_panic"),
    "canary": (r"a buffer on the stack was overrun", "fault_canary"),
    "abort": (r"the program called abort\(\)", "fault_abort"),
}
REGISTERS = ("rip rsp rbp rflags rax rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 "
             "cr2 cr3").split()


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(boot: Starter, fault: str) -> None:
    """A fault ends in a report that names what happened, where, and how it got there."""
    machine = boot("selftest", net="none", append=f"-- fault={fault}")
    machine.expect_end(125)
    what, function = FAULTS[fault]
    report = find_report(machine.console, "fault", 0)
    check_parts(report, [re.escape(what), rf"\b{function}\+0x[0-9a-f]+$"])
    check_parts(report, [rf"\b{name} [0-9a-f]{{16}}\b" for name in REGISTERS])


def test_fault_on_another_core(boot: Starter) -> None:
    """The report comes from the core that faulted."""
    machine = boot("selftest", net="none", append="-- fault=page core=2")
    machine.expect_end(125)
    report = find_report(machine.console, "fault", 2)
    check_parts(report, ["page fault", r"\bfault_page\+0x[0-9a-f]+$", r"\bcr2 [0-9a-f]{16}\b"])


@pytest.mark.parametrize("fault", PANICS)
def test_panic(boot: Starter, fault: str) -> None:
    """What the kernel finds out itself is reported with its place too."""
    machine = boot("selftest", net="none", append=f"-- fault={fault} core=1")
    machine.expect_end(125)
    what, function = PANICS[fault]
    report = find_report(machine.console, "panic", 1)
    check_parts(report, [what, rf"\b{function}\+0x[0-9a-f]+$"])


def test_exit_in_a_thread(boot: Starter) -> None:
    """exit() ends the machine with its status, on whatever core it is called."""
    machine = boot("selftest", net="none", append="-- fault=exit core=3")
    machine.expect_end(3)


def find_report(console: str, kind: str, core: int) -> str:
    """The report of a fault or panic of this core, to the console's end."""
    start = re.search(rf"^toril: {kind}: .*", console, re.MULTILINE)
    assert start, console
    report = console[start.start():]
    check_parts(report, [rf'^core {core} of 4, thread "fault"', r"^backtrace:$",
                         r"^  [0-9a-f]{16}  \w+\+0x[0-9a-f]+$"])
    assert len(re.findall(r"^toril: (?:fault|panic): ", report, re.MULTILINE)) == 1, report
    return report


def check_parts(report: str, patterns: list[str]) -> None:
    """Every pattern is in the report."""
    for pattern in patterns:
        assert re.search(pattern, report, re.MULTILINE), f"no {pattern!r} in the report:\n{report}"
