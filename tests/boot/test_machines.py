# SPDX-License-Identifier: MIT
"""The same image on other machines, firmware and ways to start it."""

from __future__ import annotations

import collections
import pathlib
import urllib.request

import pytest

from conftest import HANG_S, Starter, ask_monitor


def serves(boot: Starter, **machine_options: object) -> None:
    """App http answers on such a machine."""
    machine = boot("http", **machine_options)  # type: ignore[arg-type]
    machine.wait_for(r"^Toril is serving ")
    with urllib.request.urlopen(f"{machine.url}/hello.txt", timeout=HANG_S) as answer:
        assert len(answer.read()) == 128
    machine.stop()


def test_pc(boot: Starter) -> None:
    """QEMU's older machine: PCI by I/O ports, no memory-mapped configuration."""
    serves(boot, machine="pc")


def test_128_mib(boot: Starter) -> None:
    """A small machine."""
    serves(boot, memory=128)


def test_6_gib(boot: Starter) -> None:
    """Memory on both sides of 4 GiB."""
    serves(boot, memory=6144)


@pytest.mark.parametrize("name", ["OVMF_CODE_4M.fd", "OVMF_CODE.fd"])
def test_firmware(boot: Starter, name: str) -> None:
    """Both builds of OVMF that distributions ship."""
    firmware = pathlib.Path("/usr/share/OVMF") / name
    if not firmware.exists():
        pytest.skip(f"this host has no {firmware}")
    hello = boot("hello", net="none", firmware=str(firmware), append="-- 5")
    hello.expect_end(5)


def test_no_serial_port(boot: Starter) -> None:
    """Without a serial port the console is QEMU's debug port."""
    hello = boot("hello", net="none", serial=False, append="-- 6")
    hello.expect_end(6)
    assert hello.find(r"^hello from ring 0$"), hello.console


def test_no_console_at_all(boot: Starter) -> None:
    """With nowhere to print, the machine still works."""
    serves(boot, serial=False, qemu="-global isa-debugcon.iobase=0x402")


def test_framebuffer(boot: Starter, tmp_path: pathlib.Path) -> None:
    """With a display card the console is on it too, whatever other card comes first, whose screen
    is no memory: more text lights more pixels."""
    arguments = "-- " + "0 " * 20
    lit = [lit_pixels(boot, tmp_path / name, append)
           for name, append in (("short", ""), ("long", arguments))]
    assert 0 < lit[0] < lit[1], lit


def lit_pixels(boot: Starter, folder: pathlib.Path, arguments: str) -> int:
    """How many pixels of the screen are not the background after hello ended."""
    folder.mkdir()
    monitor, picture = folder / "monitor", folder / "screen.ppm"
    hello = boot("hello", net="none", append=f"exit=halt {arguments}",
                 qemu="-device VGA,addr=9 -device virtio-gpu-pci,addr=8 "
                      f"-monitor unix:{monitor},server,nowait")
    hello.wait_for(r"halted")
    ask_monitor(monitor, f"screendump {picture}")
    hello.wait_end()
    header, pixels = picture.read_bytes().split(b"\n255\n", 1)
    assert header.startswith(b"P6")
    colours = collections.Counter(pixels[i:i + 3] for i in range(0, len(pixels), 3))
    return colours.total() - colours.most_common(1)[0][1]


def test_no_nx(boot: Starter) -> None:
    """A CPU that would execute data is refused in words, and the firmware goes on."""
    machine = boot("hello", net="none", qemu="-cpu max,-nx")
    machine.wait_for(r"^toril: cannot boot: no-execute .* is off in the firmware's settings")
    machine.stop()


def test_config_mistakes(boot: Starter) -> None:
    """Mistakes in toril.cfg are named with their lines; what is right counts."""
    hello = boot("hello", net="none",
                 cfg="# a comment\nargs=9\nno_such_key=1\nno equals sign\ncores=many\n")
    hello.expect_end(9)
    assert hello.find(r"toril\.cfg line 3.*no_such_key"), hello.console
    assert hello.find(r"toril\.cfg line 4.*no equals sign"), hello.console
    assert hello.find(r"toril\.cfg line 5.*many"), hello.console


def test_shell(boot: Starter) -> None:
    """From the UEFI shell: startup.nsh passes options and arguments."""
    hello = boot("hello", net="none", shell=True, append="exit=debug no_such_key=1 -- 8 more")
    hello.expect_end(8)
    assert hello.find(r"^argument 2: more$"), hello.console
    assert hello.find(r"command line.*no_such_key"), hello.console
