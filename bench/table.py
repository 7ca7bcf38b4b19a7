# SPDX-License-Identifier: MIT
"""Tables of figures: as text, and in Markdown to be kept."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

Figures = dict[str, dict[str, list[float]]]  # row: system: a figure each round
Aim = tuple[str, str, float]  # of the "ratio" or the "value"; ">=" or "<="; the limit


@dataclasses.dataclass
class Row:
    """One figure of all systems."""

    name: str
    label: str
    unit: str
    aim: Aim | None = None


def add(figures: Figures, row: str, system: str, figure: float) -> None:
    """One more round's."""
    figures.setdefault(row, {}).setdefault(system, []).append(figure)


def median(figures: Figures, row: str, system: str) -> float | None:
    """Of all rounds; None where none came to an end."""
    measured = figures.get(row, {}).get(system)
    return statistics.median(measured) if measured else None


def show(figure: float | None) -> str:
    """A number for people."""
    if figure is None:
        return "-"
    if figure >= 100:
        return f"{figure:,.0f}"
    if figure == int(figure):
        return f"{figure:.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 1 else f"{figure:.2g}"


def verdict(aim: Aim | None, value: float | None, ratio: float | None) -> str:
    """The aim, and whether it is missed."""
    if aim is None:
        return ""
    of, sense, limit = aim
    figure = ratio if of == "ratio" else value
    text = f"{sense} {limit:,g}" + (" x" if of == "ratio" else "")
    if figure is None:
        return f"{text}  unknown"
    return text if (figure >= limit if sense == ">=" else figure <= limit) else f"{text}  missed"


def make_cells(rows: Iterable[Row], figures: Figures, systems: Sequence[str],
               compared: bool = True) -> list[list[str]]:
    """Medians of all rounds; if compared, with the first system's ratio to the second, and the aim."""
    cells = [["median of all rounds", "", *systems] + (["ratio", "aim"] if compared else [])]
    for row in rows:
        if row.name not in figures:
            continue
        medians = [median(figures, row.name, system) for system in systems]
        line = [row.label, row.unit, *(show(figure) for figure in medians)]
        if compared:
            first, second = medians[:2]
            ratio = first / second if first is not None and second else None
            line += [show(ratio), verdict(row.aim, first, ratio)]
        cells.append(line)
    return cells


def as_text(cells: Sequence[Sequence[str]]) -> str:
    """For a terminal: labels and aims start at their left, figures end at their right."""
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    left = [i == 0 or name == "aim" for i, name in enumerate(cells[0])]
    return "\n".join("  ".join(f"{word:<{width}}" if at_left else f"{word:>{width}}"
                               for word, width, at_left in zip(line, widths, left)).rstrip()
                     for line in cells)


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """To be kept."""
    head, *lines = cells
    marks = [":---" if i == 0 or name == "aim" else "---:" for i, name in enumerate(head)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *lines])


def print_rows(rows: Iterable[Row], figures: Figures, systems: Sequence[str]) -> None:
    """Medians of all rounds, the first system's ratio to the second, and the aim."""
    print(as_text(make_cells(rows, figures, systems)))
