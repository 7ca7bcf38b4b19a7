#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns the profile in a console's text into folded stacks and a flame graph.

    profile.py CONSOLE.txt

writes CONSOLE.folded (`core0;thread;caller;...;function COUNT`, as other tools of flame graphs read
it too) and CONSOLE.svg, which a browser opens: a click on a function widens it, a click on the lowest
bar goes back, Ctrl-F or the field on top marks what matches. It also prints where the time went. The
lines that it reads are described in kernel/profile.h. A folded file is read as well.
"""

from __future__ import annotations

import html
import pathlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LINE = re.compile(r"^(?:profile: )?(core\d+;\S+) (\d+)$")
SUMMARY = re.compile(r"^profile: core (\d+): (\d+) samples at (\d+) Hz, (\d+) halted, (\d+) dropped$")
TOP_SHOWN = 12

WIDTH, ROW, MARGIN, HEAD, FOOT = 1200, 18, 12, 64, 30
LETTER = 6.6  # width of one, on average
NARROWEST = 0.2  # what is less wide is not drawn


@dataclass
class Node:
    """A function as called on one way from the root."""

    name: str
    count: int = 0
    below: dict[str, Node] = field(default_factory=dict)


@dataclass
class Core:
    """What the summaries of a core add up to."""

    samples: int = 0
    halted: int = 0
    dropped: int = 0


def read_profile(lines: Iterable[str]) -> tuple[Counter[str], dict[int, Core], int]:
    """The folded stacks, the cores' summaries, and how many lines of a profile made no sense."""
    stacks: Counter[str] = Counter()
    cores: dict[int, Core] = {}
    bad = 0
    for line in lines:
        line = line.rstrip("\r\n")
        if match := LINE.match(line):
            stacks[match[1]] += int(match[2])
        elif match := SUMMARY.match(line):
            core = cores.setdefault(int(match[1]), Core())
            core.samples += int(match[2])
            core.halted += int(match[4])
            core.dropped += int(match[5])
        elif line.startswith("profile: core"):
            bad += 1
    return stacks, cores, bad


def make_tree(stacks: Counter[str]) -> Node:
    """All stacks from one root."""
    root = Node("all cores")
    for stack, count in stacks.items():
        node = root
        node.count += count
        for name in stack.split(";"):
            node = node.below.setdefault(name, Node(name))
            node.count += count
    return root


# ---- the picture ---------------------------------------------------------------------------------

def hue_of(name: str) -> int:
    """The same colour for the same name, between red and yellow."""
    mixed = 0
    for letter in name.encode():
        mixed = (mixed * 31 + letter) & 0xFFFF
    return mixed % 50


def colour(name: str, depth: int) -> str:
    """Cores and threads are grey, functions are warm."""
    if depth <= 2:
        return f"hsl(215,16%,{84 - 5 * depth}%)"
    return f"hsl({hue_of(name)},{72 + len(name) % 3 * 8}%,{60 + hue_of(name[::-1]) % 12}%)"


def boxes(node: Node, left: int = 0, depth: int = 0) -> Iterator[tuple[Node, int, int]]:
    """Each node with where it begins, in samples, and its depth; callers before the called."""
    yield node, left, depth
    for name in sorted(node.below):
        yield from boxes(node.below[name], left, depth + 1)
        left += node.below[name].count


def fit(name: str, width: float) -> str:
    """As much of a name as there is room for."""
    letters = int((width - 6) / LETTER)
    if len(name) <= letters:
        return name
    return name[:letters - 1] + "…" if letters >= 4 else ""


STYLE = """
text { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: #1d2430; pointer-events: none }
.title { font: 600 18px system-ui, sans-serif } .note { font: 12px system-ui, sans-serif; fill: #5b6675 }
.box { cursor: pointer } .box rect { stroke: #fff; stroke-width: .6; rx: 2 }
.box:hover rect { stroke: #1d2430; stroke-width: 1.2 } .hit rect { fill: #8b5cf6 !important }
.hit text { fill: #fff } .passed { opacity: .45 }
#find { cursor: pointer; pointer-events: all } #find:hover { fill: #1d2430 }
"""

# Zoom and search; without scripts the picture stands by itself, with its tool tips.
SCRIPT = """
const boxes = [...document.querySelectorAll('.box')], note = document.getElementById('note');
const all = +boxes[0].dataset.n, usual = note.textContent;
const place = (box, from, count) => {
  const left = +box.dataset.x, n = +box.dataset.n, scale = SPAN / count;
  const contains = left <= from && left + n >= from + count;
  const begin = Math.max(left, from), end = Math.min(left + n, from + count);
  const rect = box.firstElementChild, text = box.lastElementChild, width = (end - begin) * scale;
  box.style.display = width < 0.2 ? 'none' : '';
  box.classList.toggle('passed', contains && n > count);
  rect.setAttribute('x', MARGIN + (begin - from) * scale);
  rect.setAttribute('width', Math.max(width, 0));
  text.setAttribute('x', MARGIN + (begin - from) * scale + 4);
  const name = box.dataset.f, room = Math.floor((width - 6) / LETTER);
  text.textContent = name.length <= room ? name : room < 4 ? '' : name.slice(0, room - 1) + '\\u2026';
};
const zoom = box => boxes.forEach(one => place(one, +box.dataset.x, +box.dataset.n));
const find = () => {
  const words = prompt('Functions that hold (a regular expression; nothing ends the search):', '');
  if (words === null) return;
  let wanted = null, end = -1, sum = 0;
  try { wanted = words && new RegExp(words); } catch (error) { note.textContent = error.message; return; }
  boxes.forEach(box => {
    const hit = !!wanted && wanted.test(box.dataset.f), left = +box.dataset.x;
    box.classList.toggle('hit', hit);
    if (hit && left >= end) { sum += +box.dataset.n; end = left + +box.dataset.n; }
  });
  note.textContent = wanted ? `${words}: ${(100 * sum / all).toFixed(1)} % of all samples` : usual;
};
boxes.forEach(box => box.addEventListener('click', () => zoom(box)));
document.getElementById('find').addEventListener('click', find);
addEventListener('keydown', event => {
  if (event.ctrlKey && event.key === 'f') { event.preventDefault(); find(); }
  if (event.key === 'Escape') zoom(boxes[0]);
});
"""


def draw(root: Node, title: str, note: str) -> str:
    """The flame graph as SVG that needs nothing else."""
    span = WIDTH - 2 * MARGIN
    depths = 1 + max(depth for _, _, depth in boxes(root))
    height = HEAD + depths * ROW + FOOT
    script = (SCRIPT.replace("SPAN", str(span)).replace("MARGIN", str(MARGIN))
              .replace("LETTER", str(LETTER)))
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{html.escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fbfaf8"/>',
        f'<text class="title" x="{MARGIN}" y="28">{html.escape(title)}</text>',
        f'<text class="note" id="note" x="{MARGIN}" y="48">{html.escape(note)}</text>',
        f'<text class="note" id="find" x="{WIDTH - MARGIN}" y="28" text-anchor="end">Search</text>',
    ]
    for node, left, depth in boxes(root):
        width = node.count / root.count * span
        if width < NARROWEST:
            continue
        x, y = MARGIN + left / root.count * span, height - FOOT - (depth + 1) * ROW
        name, share = html.escape(node.name), 100 * node.count / root.count
        made.append(
            f'<g class="box" data-f="{name}" data-x="{left}" data-n="{node.count}">'
            f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{ROW - 1}" '
            f'fill="{colour(node.name, depth)}"/>'
            f"<title>{name}: {node.count} samples, {share:.1f} %</title>"
            f'<text x="{x + 4:.2f}" y="{y + 13}">{html.escape(fit(node.name, width))}</text></g>')
    made.append(f"<script><![CDATA[{script}]]></script></svg>\n")
    return "\n".join(made)


# ---- the text ------------------------------------------------------------------------------------

def shares(stacks: Counter[str]) -> tuple[Counter[str], Counter[str]]:
    """Of each function the samples in itself, and those in it or what it called."""
    alone: Counter[str] = Counter()
    with_called: Counter[str] = Counter()
    for stack, count in stacks.items():
        names = stack.split(";")[2:]
        if names:
            alone[names[-1]] += count
        for name in set(names):
            with_called[name] += count
    return alone, with_called


def print_report(stacks: Counter[str], cores: dict[int, Core]) -> None:
    """Where the time went."""
    total = sum(stacks.values())
    for number, core in sorted(cores.items()):
        taken = core.samples + core.halted
        busy = 100 * core.samples / taken if taken else 0
        print(f"core {number}: {busy:.1f} % busy in {taken} looks"
              + (f", {core.dropped} samples dropped" if core.dropped else ""))
    alone, with_called = shares(stacks)
    print(f"{total} samples;   in itself   with what it called")
    for name, count in alone.most_common(TOP_SHOWN):
        print(f"  {name:40} {100 * count / total:5.1f} %   {100 * with_called[name] / total:5.1f} %")


def main() -> int:
    """Converts one file. Returns: how the script ends."""
    if len(sys.argv) != 2:
        print("profile.py: wants one file: what the console showed", file=sys.stderr)
        return 2
    source = pathlib.Path(sys.argv[1])
    with source.open(encoding="utf-8", errors="replace") as file:
        stacks, cores, bad = read_profile(file)
    if bad:
        print(f"profile.py: {bad} lines of the profile are broken and left out", file=sys.stderr)
    if not stacks:
        print(f"profile.py: no profile in {source}: was the option profile=HZ given, and did the "
              "machine end or was key p typed?", file=sys.stderr)
        return 1
    folded, picture = source.with_suffix(".folded"), source.with_suffix(".svg")
    if folded != source:
        folded.write_text("".join(f"{stack} {count}\n" for stack, count in sorted(stacks.items())))
    total = sum(stacks.values())
    busy = ", ".join(f"core {number} {100 * core.samples / max(core.samples + core.halted, 1):.0f} %"
                     for number, core in sorted(cores.items()))
    picture.write_text(draw(make_tree(stacks), f"Where {source.stem} spent its time",
                            f"{total} samples" + (f"; busy: {busy}" if busy else "")))
    print_report(stacks, cores)
    print(f"wrote {folded.name} and {picture.name}, beside {source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
