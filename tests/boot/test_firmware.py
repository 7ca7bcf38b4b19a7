# SPDX-License-Identifier: MIT
"""Firmware that behaves as some real one does: the image is started through a program of
tests/boot/firmware/, which makes QEMU's firmware behave so first."""

from __future__ import annotations

import functools
import pathlib
import re
import shutil
import subprocess

from conftest import LOAD_HANG_S, ROOT, Machine, Starter, ask_monitor, built

CR4_LA57 = 1 << 12


@functools.cache
def program(name: str) -> pathlib.Path:
    """Builds a program of tests/boot/firmware/."""
    path = ROOT / "build/firmware" / f"{name}.efi"
    done = subprocess.run(["flock", "build/.lock", "make", "-s", str(path.relative_to(ROOT))],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return path


def boot_behind(boot: Starter, folder: pathlib.Path, name: str, app: str,
                **options: object) -> Machine:
    """Boots an app, started by a program whose behaviour has that name."""
    shutil.copy(built(app) / "BOOTX64.EFI", folder / "image.efi")
    more = ["--accel", "tcg", "--files", str(folder), "--image", str(program(name))]
    return boot(app, more=more, **options)  # type: ignore[arg-type]


def test_five_levels(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Firmware that left 5-level paging on: every check passes, and all cores are in that mode."""
    monitor = tmp_path / "monitor"
    machine = boot_behind(boot, tmp_path, "five_levels", "selftest", append="exit=halt",
                          qemu=f"-monitor unix:{monitor},server,nowait")
    machine.wait_for(r"toril: halted", LOAD_HANG_S)
    registers = ask_monitor(monitor, "info registers -a")
    machine.expect_end(0)
    assert machine.find(r"^firmware: 5-level paging is on$"), machine.console
    assert machine.find(r"smp: 4 of 4 cores up"), machine.console
    assert machine.find(r"^selftest: \d+ passed, 0 failed$"), machine.console
    modes = [int(value, 16) for value in re.findall(r"\bCR4=([0-9a-f]+)", registers)]
    assert len(modes) == 4, registers
    assert all(mode & CR4_LA57 for mode in modes), registers


def test_five_levels_firmware_call(boot: Starter, tmp_path: pathlib.Path) -> None:
    """The firmware's runtime services are called with five levels too."""
    hello = boot_behind(boot, tmp_path, "five_levels", "hello", net="none",
                        append="exit=poweroff -- 5")
    hello.expect_end(5)
    assert hello.find(r"^firmware: 5-level paging is on$"), hello.console


def test_no_low_memory(boot: Starter, tmp_path: pathlib.Path) -> None:
    """No free page below 1 MiB: only core 0 runs, and it is said. Load options come through."""
    hello = boot_behind(boot, tmp_path, "low_memory", "hello", net="none", shell=True,
                        append="exit=debug -- 0 more")
    hello.expect_end(0)
    assert hello.find(r"^toril: no free page below 1 MiB: only one core will run$"), hello.console
    assert hello.find(r"warning: smp: no free page below 1 MiB .*: only core 0 of 4 runs$")
    assert hello.find(r"smp: 1 of 1 cores up"), hello.console
    assert hello.find(r"^argument 2: more$"), hello.console


def test_changing_map(boot: Starter, tmp_path: pathlib.Path) -> None:
    """The memory map changes while the firmware is left: its key is read again until one holds."""
    hello = boot_behind(boot, tmp_path, "changing_map", "hello", net="none", append="-- 5")
    hello.expect_end(5)
    assert hello.find(r"^firmware: change 3 of the memory map$"), hello.console


def test_no_pages(boot: Starter, tmp_path: pathlib.Path) -> None:
    """What keeps it from booting is a sentence, and a status that the firmware gets back."""
    hello = boot_behind(boot, tmp_path, "no_pages", "hello", net="none")
    hello.wait_for(r"^BdsDxe: failed to start .*: Out of Resources$")
    assert hello.find(r"^toril: cannot boot: memory for .*: out of resources$"), hello.console
    hello.stop()


def test_dead_processors(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Processors that never start, or cannot be reached, are named and left out."""
    hello = boot_behind(boot, tmp_path, "dead_processors", "hello", net="none", smp=2,
                        qemu="-smp 2,maxcpus=5")
    hello.expect_end(0)
    assert hello.find(r"^firmware: processors with APIC ids 2 and 300 are not there$")
    assert hello.find(r"smp: 2 of 3 cores up, xAPIC$"), hello.console
    assert hello.find(r"warning: smp: core 2 \(APIC id 2\) did not start within \d+ ms: left out$")
    assert hello.find(r"warning: smp: 1 cores with APIC ids above 254 left out"), hello.console
    assert hello.find(r"^hello from ring 0$"), hello.console


def test_shifted_counter(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Time stamp counters that differ: it is said, and time goes on from one core to the next."""
    machine = boot_behind(boot, tmp_path, "shifted_counter", "selftest", net="none",
                          append="-- time_across_cores time_monotonic thread_on_each_core")
    machine.expect_end(0)
    assert machine.find(r"^firmware: core 0's time stamp counter is 10000000000 counts ahead$")
    assert machine.find(r"warning: smp: time stamp counters of 3 cores differ from core 0's, "
                        r"that of core \d by \d{6,8} us, it is behind: corrected$"), machine.console
    assert machine.find(r"^selftest: 3 passed, 0 failed$"), machine.console
