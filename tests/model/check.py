#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every order of steps of the models here, searched by spin; see exchange.pml.

    check.py [NAME]     those with this in their name

A protocol must hold. With something taken out of it, the search must find that out: otherwise the
model would not know what that is for.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/model/exchange.pml"
BUILD = ROOT / "build/model"
DEPTH_MAX = 200_000  # steps of the longest run; more is an error
HANG_S = 300
CHANGE = re.compile(r"^#define (\w+) +(\d+)\b", re.MULTILINE)

# Who sends how many messages to whom: the more, the longer it takes.
STREAM = {"CORES": 2, "SEND_01": 3}
BOTH_WAYS = {"CORES": 2, "SEND_01": 2, "SEND_10": 1}
TWO_SENDERS = {"CORES": 3, "SEND_10": 1, "SEND_20": 1}
HALT = {"MWAIT": 0}
MWAIT = {"MWAIT": 1}
POSTS = {"POSTS": 1}


@dataclasses.dataclass
class Search:
    """One run of the model."""

    name: str
    settings: dict[str, int]
    change: str = "NONE"


SEARCHES = [
    Search("two-senders", TWO_SENDERS | HALT),  # the longest first
    Search("two-senders-mwait", TWO_SENDERS | MWAIT),
    Search("both-ways", BOTH_WAYS | HALT),
    Search("both-ways-mwait", BOTH_WAYS | MWAIT),
    Search("stream", STREAM | HALT),
    Search("stream-mwait", STREAM | MWAIT),
    Search("posts", STREAM | HALT | POSTS),
    Search("posts-mwait", STREAM | MWAIT | POSTS),
    Search("posts-both-ways", BOTH_WAYS | HALT | POSTS),
    Search("without-barrier-in-ring", STREAM | HALT, "RING_WITHOUT_BARRIER"),
    Search("without-barrier-before-halt", STREAM | HALT, "ARM_WITHOUT_BARRIER"),
    Search("without-second-look", STREAM | HALT, "ARM_WITHOUT_LOOK"),
    Search("without-second-look-mwait", STREAM | MWAIT, "ARM_WITHOUT_LOOK"),
    Search("monitor-after-look", STREAM | MWAIT, "WATCH_AFTER_LOOK"),
    Search("ring-before-said", STREAM | HALT, "RING_BEFORE_SAID"),
    Search("said-before-message", STREAM | HALT, "SAID_BEFORE_MESSAGE"),
    Search("taken-before-message", STREAM | HALT, "TAKEN_BEFORE_MESSAGE"),
    Search("ring-before-taken", STREAM | HALT, "RING_BEFORE_TAKEN"),
    Search("bell-is-a-flag", TWO_SENDERS | HALT, "BELL_IS_A_FLAG"),
    Search("last-ringer-only", TWO_SENDERS | HALT, "LAST_RINGER_ONLY"),
    Search("queue-says-nothing", STREAM | HALT, "QUEUE_SAYS_NOTHING"),
    Search("queue-does-not-ring", STREAM | HALT, "QUEUE_DOES_NOT_RING"),
    Search("only-take-rings-back", STREAM | HALT, "ONLY_TAKE_RINGS_BACK"),
    Search("posts-stay-in-a-halt", STREAM | HALT | POSTS, "POSTS_STAY_IN_A_HALT"),
    Search("posts-say-nothing", STREAM | HALT | POSTS, "POSTS_SAY_NOTHING"),
]


def build() -> bool:
    """The model as a program. Returns: false when it could not be made."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for command in (["spin", "-a", str(MODEL)],
                    ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode != 0:
            print(done.stdout)
            return False
    return True


def search(what: Search, changes: dict[str, int]) -> tuple[bool, str]:
    """Runs one. Returns: whether it came out as it should, and what it said."""
    folder = BUILD / what.name
    folder.mkdir(exist_ok=True)
    settings = what.settings | {"CHANGE": changes[what.change]}
    shown = " ".join(f"{name}={value}" for name, value in settings.items())
    try:
        done = subprocess.run(["../pan", "-E", "-b", f"-m{DEPTH_MAX}"], cwd=folder,
                              env=os.environ | {name: str(n) for name, n in settings.items()},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=HANG_S)
    except subprocess.TimeoutExpired:
        return False, f"no end after {HANG_S} s"
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"(\S+) states, stored", done.stdout)
    broken = "assertion violated" in done.stdout
    if not errors or not states or broken != (errors[1] != "0"):
        return False, done.stdout
    if broken == (what.change != "NONE"):
        return True, f"{float(states[1]):,.0f} states"
    if not broken:
        return False, f"nothing is wrong with {what.change}, in {states[1]} states"
    return False, f"{done.stdout}\nthe way there: cd {folder}; {shown} ../pan -r"


def main(arguments: list[str]) -> int:
    """Returns: how the script ends."""
    wanted = arguments[0] if arguments else ""
    chosen = [what for what in SEARCHES if wanted in what.name]
    if chosen and not build():
        print("model/build: FAILED")
        return 1
    changes = {name: int(number) for name, number in CHANGE.findall(MODEL.read_text())}
    failed = False
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda what: search(what, changes), chosen)
        for what, (good, said) in zip(chosen, results):
            failed |= not good
            print(f"model/{what.name}: passed, {said}" if good else f"{said}\nmodel/{what.name}: FAILED")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
