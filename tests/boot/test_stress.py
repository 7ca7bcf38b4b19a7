# SPDX-License-Identifier: MIT
"""App stress: all cores send, create threads and free memory; nothing is lost."""

from __future__ import annotations

import pytest

from conftest import LOAD_HANG_S, Starter

# With more cores than this host has, most wait for each other.
LOADS = {2: (3_000_000, 20_000), 4: (2_000_000, 15_000), 8: (300_000, 3_000), 16: (100_000, 2_000)}


@pytest.mark.parametrize("cores", LOADS)
def test_nothing_is_lost(boot: Starter, cores: int) -> None:
    """Messages arrive in order, threads run where they should, all memory comes back."""
    messages, threads = LOADS[cores]
    machine = boot("stress", smp=cores, net="none",
                   append=f"-- messages={messages} threads={threads}")
    machine.expect_end(0, LOAD_HANG_S)
    told = machine.find(r"^stress: (\d+) cores: (\d+) messages in order, (\d+) threads, "
                        r"(\d+) blocks freed elsewhere; \d+ ms$")
    assert told, machine.console
    assert int(told[1]) == cores and int(told[2]) >= messages and int(told[3]) >= threads
    assert int(told[4]) > threads
    assert machine.find(r"^stress: all memory is back$"), machine.console


def test_wrong_arguments(boot: Starter) -> None:
    """What means nothing is named."""
    machine = boot("stress", smp=1, net="none", append="-- messages=-1")
    machine.expect_end(2)
    assert machine.find(r'^stress: "messages=-1" means nothing'), machine.console
