# SPDX-License-Identifier: MIT
"""Cores that do not come round, and NMIs from outside: what is told, and that the machine goes on."""

from __future__ import annotations

import pathlib
import re
import socket
import urllib.request

import pytest

from conftest import HANG_S, Machine, Starter

PLACE = r"^  [0-9a-f]{16}  %s\+0x[0-9a-f]+"


@pytest.mark.parametrize("cores,core,fault", [
    (1, 0, "hog"), (4, 0, "hog"), (4, 0, "deaf"), (4, 3, "hog"), (4, 1, "deaf")])
def test_stuck_core(boot: Starter, cores: int, core: int, fault: str) -> None:
    """A thread that does not let go is told once, with its place, and so is its end."""
    machine = boot("selftest", smp=cores, net="none", append=f"hog=1 -- fault={fault} core={core}")
    machine.wait_for(rf"watchdog: core {core} runs again after \d+\.\d s$")
    head = rf'watchdog: core {core}: thread "fault" has not let go for \d+ s'
    assert len(re.findall(head, machine.console)) == 1, machine.console
    off = machine.find(head + ", with interrupts off") is not None
    assert off == (fault == "deaf"), machine.console
    assert machine.find(PLACE % f"fault_{fault}"), machine.console
    assert machine.find(PLACE % "fault_thread"), machine.console
    machine.stop()


def test_nobody_looks(boot: Starter) -> None:
    """Option hog=0: nothing is told."""
    machine = boot("selftest", net="none", append="hog=0 -- fault=hog core=1")
    machine.expect_end(1)
    assert "watchdog:" not in machine.console


def inject(monitor: pathlib.Path) -> None:
    """An NMI by QEMU's monitor."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(monitor))
        received = b""
        while b"(qemu)" not in received:
            received += connection.recv(4096)
        connection.sendall(b"nmi\n")
        while received.count(b"(qemu)") < 2:
            received += connection.recv(4096)


def idle_machine(boot: Starter, folder: pathlib.Path, append: str) -> Machine:
    """Four cores with nothing to do, and the way to QEMU's monitor."""
    monitor = folder / "monitor"
    machine = boot("http", net="user", append=append,
                   qemu=f"-monitor unix:{monitor},server,nowait")
    machine.wait_for(r"^Toril is serving ")
    return machine


def test_nmi_reports(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Every core is told of, once though the NMI reaches all, and the machine goes on."""
    machine = idle_machine(boot, tmp_path, "")
    inject(tmp_path / "monitor")
    machine.wait_for(r"nmi: the machine goes on")
    with urllib.request.urlopen(f"{machine.url}/hello.txt", timeout=HANG_S) as answer:
        assert len(answer.read()) == 128
    heads = re.findall(r"^core \d+.*:$", machine.console, re.MULTILINE)
    named = sorted(int(one) for head in heads for one in re.findall(r"core (\d+)", head))
    assert named == [0, 1, 2, 3], machine.console
    assert machine.find(PLACE % "scheduler_run"), machine.console
    machine.stop()


def test_nmi_panics(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Option nmi=panic: one report, and the end."""
    machine = idle_machine(boot, tmp_path, "nmi=panic")
    inject(tmp_path / "monitor")
    machine.expect_end(125)
    assert len(re.findall(r"^toril: fault: non-maskable interrupt", machine.console,
                          re.MULTILINE)) == 1, machine.console
