# SPDX-License-Identifier: MIT
"""Keys of the console, and which lines of the log are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from clients import curl
from conftest import HANG_S, Machine, Starter


@pytest.fixture(scope="module")
def machine(boot: Starter) -> Iterator[Machine]:
    """A web server on four cores that says more than usual of some things."""
    started = boot("http", append="trace=on log=warn,pci:debug,http:info,nett:info,smp:loud "
                   "stack_kib=128")
    started.wait_for(r"http: listening on ")
    yield started


def answer(machine: Machine, key: str, last: str) -> str:
    """What the console shows from a key on until a line that matches."""
    before = len(machine.console)
    machine.type(key)
    machine.wait_for(rf"(?s)\A.{{{before}}}.*^(?:{last})$")
    return machine.console[before:]


def test_log_levels(machine: Machine) -> None:
    """Each module's lines are shown from its level on; mistakes in the option are named."""
    assert machine.find(r"\] debug: pci: 00:00\.0 is 8086:29c0, class 0600$")
    assert not machine.find(r"\] (?:smp|net|virtio): "), machine.console
    assert machine.find(r"\] toril: main after ")  # these always are
    assert machine.find(r'warning: options: log: no module "nett"; there are: .* smp .* http$')
    assert machine.find(r'warning: options: log: no level "loud"')


def test_list(machine: Machine) -> None:
    """`?` lists the keys; a key that is none says so; ends of lines say nothing."""
    shown = answer(machine, "?", r"keys:   n  .*")
    assert re.findall(r"^keys:   (\S)  \w", shown, re.M) == ["?", "c", "m", "p", "q", "r", "t", "n"]
    shown = answer(machine, "\r\n\x1b~", "keys: '~' does nothing; .*")
    assert shown.count("does nothing") == 1


def test_network(machine: Machine) -> None:
    """`n` shows addresses, routes, servers and neighbours of both families."""
    machine.type("n")
    machine.wait_for(r"^network    1 card, \d cores?, \d+ TCP connections$")
    machine.wait_for(r"^card       virtio-net at \S+, link up, frames \d+ in \d+ out, dropped 0 in 0 out$")
    machine.wait_for(r"^address    10\.0\.2\.15/24 by DHCP, preferred$")
    machine.wait_for(r"^address    fe80::5054:ff:fe12:3456/64 by link-local, ")
    machine.wait_for(r"^route      0\.0\.0\.0/0 via 10\.0\.2\.2$")
    machine.wait_for(r"^DNS server 10\.0\.2\.3$")
    machine.wait_for(r"^neighbour  10\.0\.2\.2 at 52:55:0a:00:02:02, stable, core 0$")


def test_counters(machine: Machine) -> None:
    """`c` shows a row for each counter that has counted, a column for each core."""
    assert curl("-o", "/dev/null", "-w", "%{http_code}", f"{machine.url}/") == "200"
    shown = answer(machine, "c", "tcp_sent_segments .*")
    assert re.search(r"^counters that are not 0 +core +0 +core +1 +core +2 +core +3$", shown, re.M)
    rows = {match[1]: [int(value) for value in match[2].split()]
            for match in re.finditer(r"^([a-z_]+(?: \(us\))?)((?: +\d+){4})$", shown, re.M)}
    for name in ("switches", "halts", "loops", "interrupts", "memory_free", "heap_blocks",
                 "halted (us)"):
        assert any(rows[name]), f"{name} in {shown}"
    assert all(rows["memory_total"])
    assert rows["network_received_frames"][0] > 0
    assert "network_sent_lost" not in rows


def test_threads(machine: Machine) -> None:
    """`t` shows the threads of each core, with their state and how much stack they use."""
    shown = answer(machine, "t", "core 3: 0 threads")
    match = re.search(r"^  main +(?:blocked|sleeping|waiting) +normal +stack (\d+) of (\d+) KiB used$",
                      shown, re.M)
    assert match, shown
    assert 0 < int(match[1]) <= int(match[2]) == 128
    assert re.search(r"^  keys +running ", shown, re.M), shown


def test_memory(machine: Machine) -> None:
    """`m` shows the memory of each core."""
    shown = answer(machine, "m", "together: .*")
    parts = [[int(number) for number in line] for line in re.findall(
        r"^core (\d): (\d+) of (\d+) KiB free, (\d+) in one run; "
        r"heap: (\d+) blocks, (\d+) of (\d+) KiB in use$", shown, re.M)]
    assert [part[0] for part in parts] == [0, 1, 2, 3]
    whole = re.search(r"^together: (\d+) of (\d+) KiB free$", shown, re.M)
    assert whole, shown
    assert abs(sum(part[2] for part in parts) - int(whole[2])) <= 4
    for _, free, total, run, blocks, used, held in parts:
        assert 0 < run <= free <= total and used <= held <= total - free and (blocks > 0) == (used > 0)


def test_trace(machine: Machine) -> None:
    """`r` shows the last events of each core."""
    shown = answer(machine, "r?", r"keys:   t  .*")
    cores = re.findall(r"^trace: (\d) \d+ \w+", shown, re.M)
    assert set(cores) == {"0", "1", "2", "3"}, shown
    assert max(map(cores.count, "0123")) <= 64


def test_typed_ahead(machine: Machine) -> None:
    """Keys typed while another is answered wait; the server goes on meanwhile."""
    shown = answer(machine, "cmt", "core 3: 0 threads")
    assert shown.index("counters that are") < shown.index("together: ") < shown.index("core 0: 2 thr")
    assert curl(f"{machine.url}/healthz")


def test_no_profile(machine: Machine) -> None:
    """`p` says which option is missing."""
    assert answer(machine, "p", "nothing is sampled: option profile=HZ does it")


@pytest.mark.parametrize("option", ["keys=off", ""])
def test_unheard(boot: Starter, option: str) -> None:
    """With keys=off, or without a serial port, nothing that is typed is heard, and the rest works."""
    machine = boot("http", append=option, serial=bool(option))
    machine.wait_for(r"http: listening on ")
    machine.type("?")
    assert curl("--max-time", str(HANG_S), "-o", "/dev/null", "-w", "%{http_code}",
                f"{machine.url}/") == "200"
    assert not machine.find(r"^keys:   ")
    if not option:
        assert machine.find(r"keys: none are heard: no serial port"), machine.console
    machine.stop()


def test_left_out(boot: Starter) -> None:
    """An app that is linked without these parts says that it has no such options."""
    machine = boot("hello", net="none", append="profile=99 log=debug keys=on")
    machine.expect_end(0)
    for option in ("profile", "log", "keys"):
        assert machine.find(rf'"{option}=[a-z0-9]+": this app has no such option')


def test_quit(machine: Machine) -> None:
    """`q` ends the machine. The last one: it is the same machine as before."""
    machine.type("q")
    machine.wait_for(r"\] toril: key q asks for the end; ")
    machine.expect_end(0)
