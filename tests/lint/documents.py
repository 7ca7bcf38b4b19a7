#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Documents tell the truth: each path they name exists, each command they show is one, and the
README's tables have the options and the arguments of `http` that the sources know.

Looked at: links, `code`, and blocks of code. Words in capitals (APP, FILE) stand for something.
"""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = {entry.name for entry in ROOT.iterdir()} - {"build", ".git"}
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?<![\w./-])\.?/?([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.*{},-]+)+/?)")
DOCUMENT = re.compile(r"(?<![\w./-])[\w-]+\.md\b")
PLACEHOLDER = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2,}(?![A-Za-z0-9])")
KEY = re.compile(r"^OPTION_(?:TEXT|NUMBER|CHOICE)(?:_OF_CARD)?\((\w+),|"
                 r"OPTION_IN_TABLE\(\"(\w+)\"\) =", re.MULTILINE)
KEY_ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
SETTINGS = re.compile(r"struct http_setting \w+\[\] = \{(.*?)\};", re.DOTALL)
SETTING = re.compile(r"\{\"(\w+)\",")
SETTING_ROW = re.compile(r"^\| `(\w+)=\S*` \|", re.MULTILINE)
TORIL = re.compile(r"(?:^|[\s;&|(])\./toril\b([^\n#|&;]*)")
MAKE = re.compile(r"(?:^|[;&|]\s*|\$ )make\b([^\n#|&;]*)", re.MULTILINE)


@functools.cache
def help_text() -> str:
    """What ./toril help prints."""
    return subprocess.run([str(ROOT / "toril"), "help"], capture_output=True, text=True,
                          check=True).stdout


@functools.cache
def is_target(target: str) -> bool:
    """make knows how to make this."""
    return subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True).returncode == 0


def wrong_path(text: str) -> str | None:
    """The first path from the tree's root in `text` that does not exist, or None."""
    for match in PATH.finditer(text):
        path = match[1].rstrip(".,")
        if path.split("/")[0] not in TOP or PLACEHOLDER.search(path) or "{" in path:
            continue
        if "*" in path:
            if not any(ROOT.glob(path)):
                return path
        elif not (ROOT / path).exists():
            return path
    for match in DOCUMENT.finditer(text):
        if not (ROOT / match[0]).exists():
            return match[0]
    return None


def wrong_command(text: str) -> str | None:
    """The first ./toril or make command in `text` that there is not, or None."""
    for match in TORIL.finditer(text):
        words = match[1].split()
        if words and not words[0].startswith("-") and words[0].islower() and (
                f"./toril {words[0]}" not in help_text()):
            return f"./toril {words[0]}"
        for word in words:
            if re.fullmatch(r"--[a-z-]+", word) and word not in help_text():
                return f"./toril ... {word}"
    for match in MAKE.finditer(text):
        for word in match[1].split():
            if re.fullmatch(r"[a-z][a-z0-9_/.-]*", word) and not is_target(word):
                return f"make {word}"
    return None


def problems(document: pathlib.Path) -> list[tuple[int, str]]:
    """Line numbers and what is wrong there."""
    text = document.read_text()
    found = []

    def note(position: int, why: str) -> None:
        found.append((text.count("\n", 0, position) + 1, why))

    for match in LINK.finditer(text):
        if "://" not in match[1] and not match[1].startswith("mailto:"):
            if not (document.parent / match[1]).exists():
                note(match.start(), f"no file {match[1]}")
    for pattern in (CODE, BLOCK):
        for match in pattern.finditer(text):
            if path := wrong_path(match[1]):
                note(match.start(), f"no file {path}")
            if command := wrong_command(match[1]):
                note(match.start(), f"no command {command}")
    return found


def sources() -> str:
    """All sources in C, one behind the other."""
    return "".join(path.read_text() for folder in sorted(TOP) for path in (ROOT / folder).rglob("*.c"))


def wrong_keys() -> set[str]:
    """Options, and arguments of `http`, that only one of the sources and the README's tables has."""
    code, readme = sources(), (ROOT / "README.md").read_text()
    keys = {a or b for a, b in KEY.findall(code)}
    settings = {f"{key}=" for table in SETTINGS.findall(code) for key in SETTING.findall(table)}
    rows = {f"{key}=" for key in SETTING_ROW.findall(readme)}
    return (keys ^ set(KEY_ROW.findall(readme))) | (settings ^ rows)


def main() -> int:
    """Checks all documents. Returns: how the script ends."""
    found = 0
    for key in sorted(wrong_keys()):
        print(f"README.md: {key} is not both in its table and declared in a source")
        found += 1
    for document in sorted(ROOT.rglob("*.md")):
        relative = document.relative_to(ROOT)
        if relative.parts[0] in ("build", ".git"):
            continue
        for number, why in problems(document):
            print(f"{relative}:{number}: {why}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
