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


# argument of the app: what its report must say
FAULTS = {
    "page": "page fault",
    "null": "page fault",
    "stack": "stack overflow",
    "text": "page fault",
    "data": "page fault",
    "divide": "divide error",
    "opcode": "invalid opcode",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(boot: Starter, fault: str) -> None:
    """A fault ends in a report that names what happened, where, and how it got there."""
    machine = boot("selftest", net="none", append=f"-- fault={fault}")
    machine.expect_end(125)
    check_report(machine.console, FAULTS[fault], core=0)


def test_fault_on_another_core(boot: Starter) -> None:
    """The report comes from the core that faulted."""
    machine = boot("selftest", net="none", append="-- fault=page core=2")
    machine.expect_end(125)
    check_report(machine.console, "page fault", core=2)


def check_report(console: str, what: str, core: int) -> None:
    """Looks for every part of a fault report."""
    start = re.search(r"^toril: fault: .*", console, re.MULTILINE)
    assert start, console
    report = console[start.start():]
    for part in (what, rf"^core {core} of \d+, thread \".+\"", "^backtrace:",
                 r"\brip\b", r"\brsp\b", r"\brax\b", r"\br15\b", r"\bcr2\b",
                 r"^  [0-9a-f]{16}  \w+\+0x[0-9a-f]+$"):
        assert re.search(part, report, re.MULTILINE), f"no {part!r} in the report:\n{report}"
