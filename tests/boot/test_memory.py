# SPDX-License-Identifier: MIT
"""The heap's debug mode, what misuse of the heap looks like, and memory in two nodes."""

from __future__ import annotations

import pytest

from conftest import LOAD_HANG_S, Starter

BY = r'allocated by "fault" on core 1'
# What each misuse is called with heap=debug; both threads are named.
MISUSES = {
    "double-free": rf'double free: block 0x\w+ of 200 bytes, {BY}, freed by "part" on core 0, '
                   r'noticed by "fault" on core 1',
    "heap-overflow": rf'written past the end: block 0x\w+ of 200 bytes, {BY}, '
                     r'noticed by "part" on core 0',
    "use-after-free": rf'use after free: block 0x\w+ of 200 bytes, {BY}, freed by "fault" on '
                      r'core 1, noticed by "part" on core 1',
    "wild-free": r"0x\w+ is not a block of the heap",
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse(boot: Starter, misuse: str) -> None:
    """With heap=debug each misuse is named with the block and both threads."""
    machine = boot("selftest", net="none", append=f"heap=debug -- fault={misuse} core=1")
    machine.expect_end(125)
    assert machine.find(rf"^toril: panic: heap: {MISUSES[misuse]}"), machine.console


@pytest.mark.parametrize("misuse", ["wild-free", "free-stack"])
def test_wild_free(boot: Starter, misuse: str) -> None:
    """A pointer that is no block is named without the debug mode too."""
    machine = boot("selftest", net="none", append=f"-- fault={misuse} core=1")
    machine.expect_end(125)
    assert machine.find(r"^toril: panic: heap: 0x\w+ (is not a block|was to be freed, but lies)"), \
        machine.console


def test_debug_finds_nothing_where_nothing_is(boot: Starter) -> None:
    """The kernel's own cases pass with it."""
    machine = boot("selftest", net="none",
                   append="heap=debug -- heap_patterns heap_alignment heap_realloc heap_limits "
                          "remote_call_all_pairs cross_channel libc_printf")
    machine.expect_end(0, LOAD_HANG_S)


def test_two_nodes(boot: Starter) -> None:
    """Each core has memory of its own node; all of it is used, and cases that need much pass."""
    nodes = " ".join(f"-object memory-backend-ram,size=256M,id=m{node} "
                     f"-numa node,nodeid={node},cpus={2 * node}-{2 * node + 1},memdev=m{node}"
                     for node in range(2))
    machine = boot("selftest", net="none", memory=512, qemu=nodes,
                   append="-- machine_numa heap_patterns heap_borrowing thread_stacks_return")
    machine.expect_end(0, LOAD_HANG_S)
    assert machine.find(r"numa: 2 nodes"), machine.console
