# SPDX-License-Identifier: MIT
"""gdb commands for a machine in QEMU. `./toril debug` loads this file; so does .vscode/launch.json.

    toril start APP [OPTION]...   builds and boots APP, options as for ./toril run; stops at main
    toril threads                 the threads of each core, each with its backtrace

A core is a thread to gdb: `info threads` lists them, `thread 2` goes to the second. A core-local
variable is then that core's own: memory is read through the page tables of the core selected.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import gdb

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIRST_LINE = re.compile(r"toril: \S+ with (\S+), at (0x[0-9a-f]+)")
WAITING = "debugger: waiting for gdb"
START_HANG_S = 600  # emulated firmware on a slow host, and the build before it
FRAMES_MAX = 32
# What switch_threads leaves on a stack, in words of 8 bytes: kernel/switch.asm.
SAVED_RBP, SAVED_RETURN = 5, 6
# Written in assembly: gdb cannot tell that nothing called them.
FIRST_FUNCTIONS = ("switch_first", "switch_run_on", "trampoline_enter")
PR_SET_PDEATHSIG = 1
CR0_PAGING = 1 << 31


class Machine:
    """The machine that this gdb started."""

    def __init__(self, words: list[str]) -> None:
        app = words.pop(0) if words and not words[0].startswith("-") else "http"
        self.folder = tempfile.mkdtemp(prefix="toril-gdb.")
        self.socket = os.path.join(self.folder, "gdb")
        console = os.path.join(self.folder, "console")
        if "--console" in words[:-1]:
            given = words[len(words) - 1 - words[::-1].index("--console") + 1]
            console = os.path.join(os.environ.get("TORIL_CALLER", os.getcwd()), given)
        else:
            words = [*words, "--console", console]
        self.console = pathlib.Path(console)
        image = [words[i + 1] for i in range(len(words) - 1) if words[i] == "--image"]
        caller = pathlib.Path(os.environ.get("TORIL_CALLER", os.getcwd()))
        # An app may be named by its path.
        self.elf = ROOT / "build" / (caller / app).resolve().stem / "toril.elf"
        if image:
            self.elf = (caller / image[-1]).parent / "toril.elf"
        # A session of its own, so that Ctrl-C stops what runs in the machine, not the machine.
        self.process = subprocess.Popen(
            [str(ROOT / "toril"), "run", app, *words, "--gdb", self.socket],
            cwd=os.environ.get("TORIL_CALLER"), stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=end_with_parent)

    def base(self) -> int:
        """Where the image lies, once the machine waits for gdb."""
        deadline = time.monotonic() + START_HANG_S
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            text = self.console.read_text(errors="replace") if self.console.exists() else ""
            place = FIRST_LINE.search(text)
            if place and WAITING in text[place.end():]:
                return int(place[2], 16)
            if ended:
                raise gdb.GdbError("toril: the machine ended before it could wait for gdb")
            time.sleep(0.05)
        raise gdb.GdbError(f"toril: the machine does not wait for gdb after {START_HANG_S} s")

    def end(self) -> None:
        """Ends the machine, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


machine: Machine | None = None


def end_with_parent() -> None:
    """In the new process: no machine outlives its gdb, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_machine(_event: object = None) -> None:
    """Ends what `toril start` started."""
    global machine
    if machine is not None:
        ending, machine = machine, None
        ending.end()


class Toril(gdb.Command):
    """Machines that run Toril: toril start, toril threads."""

    def __init__(self) -> None:
        super().__init__("toril", gdb.COMMAND_USER, gdb.COMPLETE_NONE, True)


class TorilStart(gdb.Command):
    """Builds and boots an app, and stops at its main: toril start APP [OPTION]...

The options are those of ./toril run."""

    def __init__(self) -> None:
        super().__init__("toril start", gdb.COMMAND_RUNNING)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command."""
        global machine
        if machine is not None and machine.process.poll() is None:
            raise gdb.GdbError("toril: a machine runs already; `kill` ends it")
        end_machine()
        machine = Machine(gdb.string_to_argv(argument))
        base = machine.base()
        gdb.execute(f"symbol-file -o {base:#x} {machine.elf}", to_string=True)
        gdb.execute(f"directory {ROOT}", to_string=True)
        # A core-local variable has one address on all cores: nothing may be kept of another core.
        gdb.execute("set stack-cache off")
        gdb.execute(f"target remote {machine.socket}", to_string=True)
        gdb.execute("set variable debugger_came = 1")
        gdb.execute("thbreak main", to_string=True)
        gdb.execute("continue")


class TorilThreads(gdb.Command):
    """The threads of each core, each with its backtrace: toril threads."""

    def __init__(self) -> None:
        super().__init__("toril threads", gdb.COMMAND_STACK)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command."""
        if argument:
            raise gdb.GdbError("toril threads: takes no argument")
        selected = gdb.selected_thread()
        if selected is None:
            raise gdb.GdbError("toril threads: no machine runs; see `help toril start`")
        frame = gdb.selected_frame()
        told: set[int] = set()
        try:
            for cpu in sorted(gdb.selected_inferior().threads(), key=lambda one: one.num):
                cpu.switch()
                core = core_of_selected()
                if core is None or core in told:
                    print(f"gdb's thread {cpu.num}: this core does not run Toril yet")
                    continue
                told.add(core)
                print(f"core {core}, gdb's thread {cpu.num}:")
                print_threads()
        finally:
            selected.switch()
            frame.select()


def core_of_selected() -> int | None:
    """The number of the core selected, or None before it has threads."""
    if not int(gdb.parse_and_eval("$cr0")) & CR0_PAGING:
        return None
    if int(gdb.parse_and_eval("thread_current")) == 0:
        return None
    return int(gdb.parse_and_eval("core_this_index"))


def print_threads() -> None:
    """The loop and all threads of the core selected."""
    running = int(gdb.parse_and_eval("thread_current"))
    loop = gdb.parse_and_eval("&loop_thread")
    print_thread(loop, running)
    thread, count = gdb.parse_and_eval("thread_all"), 0
    while int(thread) != 0:
        print_thread(thread, running)
        thread, count = thread["all_next"], count + 1
        if count > 1000000:
            raise gdb.GdbError("toril threads: the list of threads does not end")


def print_thread(thread: gdb.Value, running: int) -> None:
    """One thread with its backtrace."""
    is_running = int(thread) == running
    state = "running" if is_running else str(thread["state"]).removeprefix("THREAD_").lower()
    if state == "loop":  # which is always ready
        state = "ready"
    name = thread["name"].string(errors="replace")
    print(f'  "{name}" at {int(thread):#x}, {state}')
    number = 0
    for number, line in enumerate(running_places() if is_running else waiting_places(thread)):
        print(f"    #{number} {line}")


def running_places() -> list[str]:
    """Where the core selected is, by gdb's own reading of its stack."""
    places, frame = [], gdb.newest_frame()
    while frame is not None and frame.pc() != 0 and len(places) < FRAMES_MAX:
        caller = frame.older()
        is_call = bool(places) and frame.type() == gdb.NORMAL_FRAME
        places.append(place_of(frame.pc(), is_call, frame.name()))
        if frame.name() in FIRST_FUNCTIONS:
            break
        frame = caller
    return places


def waiting_places(thread: gdb.Value) -> list[str]:
    """Where a thread that does not run will go on, by its saved frame pointer."""
    stack = thread["stack"]
    bottom, top = int(stack["bottom"]), int(stack["top"])
    if top == 0:  # the loop, which lies in no stack that it knows of
        bottom, top = int(thread["stack_pointer"]), (1 << 64) - 1
    words = read_words(int(thread["stack_pointer"]), SAVED_RETURN + 1)
    if words is None:
        return ["its stack cannot be read"]
    places = [place_of(words[SAVED_RETURN], True)]
    rbp = words[SAVED_RBP]
    while bottom <= rbp < top and len(places) < FRAMES_MAX:
        frame = read_words(rbp, 2)
        if frame is None or frame[1] == 0:
            break
        places.append(place_of(frame[1], True))
        if frame[0] <= rbp:
            break
        rbp = frame[0]
    return places


def read_words(address: int, count: int) -> list[int] | None:
    """Words of 8 bytes as the core selected sees them, or None where nothing is."""
    try:
        data = bytes(gdb.selected_inferior().read_memory(address, count * 8))
    except gdb.MemoryError:
        return None
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)]


def place_of(address: int, is_return: bool, name: str | None = None) -> str:
    """An address with its function and line. A call may be the last thing in its function."""
    inside = address - 1 if is_return else address
    if name is None:
        symbol = gdb.execute(f"info symbol {inside:#x}", to_string=True)
        name = symbol.split(" ")[0] if " in section " in symbol else "??"
    line = gdb.find_pc_line(inside)
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab is not None else ""
    return f"{address:#x} {name}{where}"


Toril()
TorilStart()
TorilThreads()
gdb.events.gdb_exiting.connect(end_machine)
