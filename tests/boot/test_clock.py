# SPDX-License-Identifier: MIT
"""What the clock is measured by."""

from __future__ import annotations

import pytest

from conftest import Starter

# The emulator runs an instruction in a nanosecond of all of the machine's clocks.
EXACT = {"smp": 1, "net": "none", "qemu": "-icount shift=0", "more": ["--accel", "tcg"]}


@pytest.mark.parametrize("clock,name", [("pm", "the ACPI timer"), ("hpet", "the HPET")])
def test_measured(boot: Starter, clock: str, name: str) -> None:
    """By either counter: the time stamp counter's true speed."""
    machine = boot("hello", append=f"clock={clock}", **EXACT)  # type: ignore[arg-type]
    machine.expect_end(0)
    says = machine.find(rf"time: {name} says (\d+\.\d+) MHz$")
    assert says, machine.console
    assert 995 < float(says[1]) < 1005, machine.console


def test_clock_that_is_not_there(boot: Starter) -> None:
    """Another one is used, and that is said."""
    machine = boot("hello", net="none", append="clock=hpet", qemu="-machine hpet=off")
    machine.expect_end(0)
    assert machine.find(r"time: this machine has no clock=hpet"), machine.console
