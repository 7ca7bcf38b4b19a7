# SPDX-License-Identifier: MIT
"""More cores than 8 bits of APIC id can name. That takes a QEMU whose emulated local APICs know
x2APIC: the one of this host if it is new enough, or the one that TORIL_QEMU_NEW names."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import LOAD_HANG_S, Starter

CORES = 288
QEMU_WITH_X2APIC = (9, 0)
# Those cases of selftest in which no core has to talk with every other one.
CASES = ("percore_template percore_private thread_on_each_core interrupt_vectors paging_percore_pages "
         "paging_control machine_cores machine_stats").split()


@pytest.fixture(scope="module")
def with_new_qemu(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What to run the command in, for it to find such a QEMU first."""
    qemu = os.environ.get("TORIL_QEMU_NEW", "qemu-system-x86_64")
    path = shutil.which(qemu)
    assert path, f"TORIL_QEMU_NEW: there is no program {qemu}"
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    assert version, said
    if (int(version[1]), int(version[2])) < QEMU_WITH_X2APIC:
        pytest.skip(f"QEMU {version[1]}.{version[2]} emulates no x2APIC, which more than 255 cores "
                    "need; 9.0 does: name one in TORIL_QEMU_NEW")
    folder = tmp_path_factory.mktemp("qemu")
    (folder / "qemu-system-x86_64").symlink_to(pathlib.Path(path).resolve())
    return ["env", f"PATH={folder}:{os.environ['PATH']}"]


def test_hello(boot: Starter, with_new_qemu: list[str]) -> None:
    """All come up, by x2APIC."""
    hello = boot("hello", smp=CORES, net="none", append="-- 9", inside=with_new_qemu,
                 more=["--accel", "tcg"])
    hello.expect_end(9, LOAD_HANG_S)
    assert hello.find(rf"smp: {CORES} of {CORES} cores up, x2APIC$"), hello.console


def test_selftest(boot: Starter, with_new_qemu: list[str]) -> None:
    """Each is a core of its own, and does its part."""
    machine = boot("selftest", smp=CORES, memory=2048, append=f"-- {' '.join(CASES)}",
                   inside=with_new_qemu, more=["--accel", "tcg"])
    machine.expect_end(0, LOAD_HANG_S)
    assert machine.find(rf"smp: {CORES} of {CORES} cores up, x2APIC$"), machine.console
    assert machine.find(rf"^selftest: {len(CASES)} passed, 0 failed$"), machine.console
