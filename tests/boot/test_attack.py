# SPDX-License-Identifier: MIT
"""Protection, attacked: each case of app attack in a boot of its own. It must end in the one report
that names what was done, where and by whom; never in silence, in a reset or in a run that goes on."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import re
from collections.abc import Callable, Iterator

import pytest

from conftest import ROOT, Machine, Starter, built

TOGETHER = 2  # machines at a time
PAGE_FAULT = "fault: page fault (vector 14, "
PROTECTION = "fault: general protection fault (vector 13, "
RIGHTS = ": its rights forbid it"
ABSENT = ": nothing is mapped there"
OVERFLOW = "stack overflow: the thread's stack is full"


@dataclasses.dataclass
class Report:
    """What the report of a case must say, beside the function that it happened in."""

    what: str  # the report's first line begins so, behind "toril: "
    says: tuple[str, ...] = ()  # pieces of further lines
    function: str = ""  # in the backtrace; attack_CASE if empty
    options: str = ""  # of the machine
    core: int = 0


REPORTS = {
    "write_text": Report(PAGE_FAULT, ("tried to write", RIGHTS, "that is in the image's code")),
    "write_rodata": Report(PAGE_FAULT, ("tried to write", RIGHTS, "that is in the image's constants"),
                           core=1),
    "write_pointers": Report(PAGE_FAULT, ("tried to write", RIGHTS, "that is in the image's constants")),
    "write_symbols": Report(PAGE_FAULT, ("tried to write", RIGHTS, "that is in the image's constants")),
    "write_past_image": Report(PAGE_FAULT, ("tried to write", ABSENT, "that is right behind the image")),
    "write_page_table": Report(PAGE_FAULT, ("tried to write", RIGHTS, "that is a page table"), core=1),
    "write_null": Report(PAGE_FAULT, ("tried to write", ABSENT, "a null pointer was used")),
    "read_null": Report(PAGE_FAULT, ("tried to read", ABSENT, "a null pointer was used"), core=1),
    "read_nowhere": Report(PAGE_FAULT, ("tried to read ffff804000000000" + ABSENT,)),
    "read_noncanonical": Report(PROTECTION),
    "execute_heap": Report(PAGE_FAULT, ("tried to execute", RIGHTS, "called from: "), core=1),
    "execute_stack": Report(PAGE_FAULT, ("tried to execute ffff8080", RIGHTS, "called from: ")),
    "execute_data": Report(PAGE_FAULT, ("tried to execute", RIGHTS, "that is in the image's data",
                                        "called from: ")),
    "jump_null": Report(PAGE_FAULT, ("tried to execute 0000000000000000" + ABSENT,
                                     "a null pointer was used", "called from: "), core=1),
    "jump_nowhere": Report(PAGE_FAULT, ("tried to execute ffff804000000000" + ABSENT, "called from: ")),
    "jump_noncanonical": Report(PROTECTION, ("called from: ",)),
    "stack_recursion": Report(PAGE_FAULT, (ABSENT, OVERFLOW), "recurse", core=1),
    "stack_large_frame": Report(PAGE_FAULT, (ABSENT, OVERFLOW)),
    "stack_interrupt": Report(PAGE_FAULT, (ABSENT, OVERFLOW), "recurse", core=1),
    "stack_buffer": Report("panic: stack: a buffer on the stack was overrun"),
    "stack_known_guard": Report("panic: stack: a buffer on the stack was overrun"),
    "return_address": Report(PAGE_FAULT, ("tried to execute", RIGHTS), "thread_entry"),
    "heap_overflow": Report("panic: heap: written past the end: block 0x",
                            (' of 100 bytes, allocated by "attack" on core 0',),
                            options="heap=debug"),
    "heap_use_after_free": Report("panic: heap: use after free: block 0x",
                                  (' of 100 bytes, allocated by "attack" on core 1, freed by "attack"',),
                                  options="heap=debug", core=1),
    "double_free": Report("panic: heap: double free of 0x"),
    "wild_free": Report("panic: heap: 0x"),
    "breakpoint": Report("fault: breakpoint (vector 3, ", core=1),
    "divide": Report("fault: divide error (vector 0, "),
    "opcode": Report("fault: invalid opcode (vector 6, "),
    "protection": Report("fault: general protection fault (vector 13, error code 0x78)"),
    "double_fault": Report("fault: double fault (vector 8, ", core=1),
}
# These cores are told of while the machine goes on: what is said of the thread.
STUCK = {
    "busy": r"has not let go for \d+ s",
    "halt": r"has not let go for \d+ s, with interrupts off",
}
REGISTERS = ("rip rsp rbp rflags rax rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 "
             "cr2 cr3").split()


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Machine, int]]]:
    """The machine of a case and the status that it ended with. A few run ahead of the tests."""
    built("attack")
    start = Starter(lambda: tmp_path_factory.mktemp("files"))  # whose machines end with no test

    def run(name: str) -> tuple[Machine, int]:
        report = REPORTS[name]
        machine = start("attack", smp=2, memory=64, net="none",
                        append=f"{report.options} -- {name} core={report.core}")
        return machine, machine.wait_end()

    chosen = [item.callspec.params["name"] for item in request.session.items
              if item.module is request.module and "name" in getattr(item, "fixturenames", [])]
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        runs = {name: pool.submit(run, name) for name in chosen}
        yield lambda name: runs[name].result()
        for one in runs.values():
            one.cancel()
    start.stop()


@pytest.mark.parametrize("name", REPORTS)
def test_attack(ended: Callable[[str], tuple[Machine, int]], name: str) -> None:
    """A case ends in its report, and the report ends the machine."""
    expected = REPORTS[name]
    machine, status = ended(name)
    assert status == 125, f"ended with {status}:\n{machine.console}"
    begin, _, rest = machine.console.partition("\ntoril: " + expected.what)
    assert rest, machine.console
    assert re.search(rf"^attack: {name} on core {expected.core}$", begin, re.MULTILINE), begin
    head, _, tail = rest.partition("\nbacktrace:\n")
    assert re.search(rf'^core {expected.core} of 2, thread "attack", \d+\.\d+ s after start$', head,
                     re.MULTILINE), rest
    for piece in expected.says:
        assert piece in head, f"no {piece!r} in:\n{rest}"
    kind = expected.what.split(":")[0]
    if kind == "fault":
        for register in REGISTERS:
            assert re.search(rf"\b{register} [0-9a-f]{{16}}\b", head), f"no {register} in:\n{rest}"
    frames = re.match(r"(?:  [0-9a-f]{16}.*\n)*", tail)[0]
    assert re.search(rf"  {expected.function or 'attack_' + name}\+0x[0-9a-f]+$", frames, re.MULTILINE), rest
    assert len(re.findall(r"  thread_entry\+0x", frames)) == 1, rest
    # Many cases are in functions without a frame, which must not hide who called them.
    assert expected.function == "thread_entry" or "  attack_thread+0x" in frames, rest
    # One report, in which nothing else failed, and nothing after it.
    assert len(re.findall(r"^toril: (?:fault|panic): ", machine.console, re.MULTILINE)) == 1, rest
    assert rest.split("\n")[-2:] == [f"toril: stopped by a {kind}", "toril: the machine panicked"], rest


@pytest.mark.parametrize("case", STUCK)
def test_stuck(boot: Starter, case: str) -> None:
    """A core that never comes back is told of by another one, with its thread and place."""
    machine = boot("attack", smp=2, memory=64, net="none", append=f"hog=1 -- {case} core=1")
    machine.wait_for(rf'watchdog: core 1: thread "attack" {STUCK[case]}\b')
    machine.wait_for(rf"^  [0-9a-f]{{16}}  attack_{case}\+0x")
    machine.stop()


def test_every_case_is_expected(boot: Starter) -> None:
    """The app lists its cases; each is tested here, or said to be none of these."""
    machine = boot("attack", smp=1, memory=64, net="none")
    machine.expect_end(0)
    header = (ROOT / "apps/attack/attacks.h").read_text()
    cases = re.findall(r"^    X\((\w+),", header, re.MULTILINE)
    for case in cases:
        assert machine.find(rf"^{case} +\w"), machine.console
    assert REPORTS.keys() | STUCK.keys() == set(cases)


def test_wrong_use(boot: Starter) -> None:
    """What means nothing is said."""
    machine = boot("attack", smp=1, memory=64, net="none", append="-- no_such_case")
    machine.expect_end(2)
    assert machine.find(r'^attack: there is no case "no_such_case"')
