# SPDX-License-Identifier: MIT
"""The end of a machine that somebody outside wishes."""

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
