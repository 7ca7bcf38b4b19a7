# SPDX-License-Identifier: MIT
"""The address where the image lies: another one at each boot, but for option kaslr=off."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest

from conftest import Machine, Starter

# One in several hundred boots lies where the one before it did.
TRIES = 4


def address_of(machine: Machine) -> int:
    """Where the image lay, of a machine that ran to its end."""
    machine.expect_end(0)
    return int(machine.wait_for(r"toril: \S+ with hello, at (0x[0-9a-f]+)")[1], 16)


def test_differs(boot: Starter) -> None:
    """Boots in a row lie at different addresses, each on a page."""
    found = set()
    for _ in range(TRIES):
        found.add(address_of(boot("hello", net="none", memory=128)))
        if len(found) > 1:
            break
    assert len(found) > 1
    assert all(address % 4096 == 0 for address in found)


def test_off(boot: Starter) -> None:
    """Without it firmware's choice holds, and that is the same each time. The command line counts last."""
    off = [boot("hello", net="none", memory=128, append="kaslr=off") for _ in range(2)]
    assert len({address_of(machine) for machine in off}) == 1
    both = boot("hello", net="none", memory=128, cfg="cores=none\nkaslr=on\n",
                append="kaslr=on kaslr=off")
    assert address_of(both) == address_of(off[0])
    assert both.find(r"toril\.cfg line 1.*none")
    assert len([line for line in both.lines if "warning: options" in line]) == 1, both.console


def test_weak(boot: Starter, tmp_path: pathlib.Path) -> None:
    """A machine without any source of random numbers says that its address can be guessed."""
    real = shutil.which("qemu-system-x86_64")
    if real is None:
        pytest.skip("no QEMU")
    fake = tmp_path / "qemu-system-x86_64"
    fake.write_text(f"""#!/bin/bash
set -- "${{@/virtio-rng-pci/pci-testdev}}"
set -- "${{@/#max/max,-rdrand,-rdseed}}"
exec {real} "$@"
""")
    fake.chmod(0o755)
    machine = boot("hello", net="none", memory=128,
                   inside=["env", f"PATH={tmp_path}:{os.environ['PATH']}"])
    machine.expect_end(0)
    assert machine.find(r"^toril: .*drawn from the clock and can be guessed: add a virtio-rng device")
    assert machine.find(r"warning: random: neither the firmware")
