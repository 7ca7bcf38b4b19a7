# SPDX-License-Identifier: MIT
"""The end of a machine: somebody outside wishes it, or an option says what follows."""

from __future__ import annotations

import pathlib

import pytest

from conftest import Starter, press_power_button


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_power_button(boot: Starter, tmp_path: pathlib.Path, machine: str) -> None:
    """An app that does not wait for its end is ended at once, in order, on both chipsets."""
    monitor = tmp_path / "monitor"
    started = boot("stress", smp=2, net="none", machine=machine,
                   qemu=f"-monitor unix:{monitor},server,nowait",
                   append="-- messages=1000000000000")
    started.wait_for(r"toril: main after ")
    press_power_button(monitor)
    started.wait_for(r"\] toril: the power button ends the machine$")
    started.expect_end(0)


@pytest.mark.parametrize("options", ["exit=reset", "on_panic=reset -- fault=panic"])
def test_reset(boot: Starter, options: str) -> None:
    """After main by the firmware, after a panic without it: the machine boots anew."""
    machine = boot("selftest", smp=2, net="none", qemu="-action reboot=reset",
                   append=options if "--" in options else f"{options} -- machine_cores")
    end = "toril: stopped by a panic" if "panic" in options else "toril: main returned 0"
    machine.wait_for(rf"(?s){end}\n.* toril: 0\.\d+ with selftest, at ")
    machine.stop()
