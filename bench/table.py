# SPDX-License-Identifier: MIT
"""Tables of ./toril bench http."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

Figures = dict[str, dict[str, list[float]]]  # row: system: a figure each round
Aim = tuple[str, str, float]  # of the "ratio" or the "value"; ">=" or "<="; the limit


@dataclasses.dataclass
class Row:
    """One figure of all systems."""

    name: str
    label: str
    unit: str
    aim: Aim | None


def show(figure: float | None) -> str:
    """A number for people."""
    if figure is None:
        return "-"
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def verdict(aim: Aim | None, value: float, ratio: float | None) -> str:
    """The aim, and whether it is missed."""
    if aim is None:
        return ""
    of, sense, limit = aim
    figure = ratio if of == "ratio" else value
    text = f"{sense} {limit:g}" + (" x" if of == "ratio" else "")
    if figure is None:
        return text
    return text if (figure >= limit if sense == ">=" else figure <= limit) else f"{text}  missed"


def print_rows(rows: Sequence[Row], figures: Figures, systems: Sequence[str]) -> None:
    """Medians of all rounds, and the first system's ratio to the second."""
    print(f"{'median of all rounds':<44} {'':>4}" + "".join(f" {system:>10}" for system in systems) +
          f" {'ratio':>7}  aim")
    for row in rows:
        if row.name not in figures:
            continue
        medians = [statistics.median(of) if (of := figures[row.name].get(system)) else None
                   for system in systems]
        first, second = medians[0], medians[1]
        if first is None:
            print(f"{row.label:<44} {row.unit:>4}" + "".join(f" {show(value):>10}" for value in medians))
            continue
        ratio = None if second is None else first / second
        print(f"{row.label:<44} {row.unit:>4}" + "".join(f" {show(value):>10}" for value in medians) +
              f" {show(ratio):>7}  {verdict(row.aim, first, ratio)}".rstrip())


def print_counts(rows: Sequence[tuple[str, dict[str, float]]]) -> None:
    """What is counted a request."""
    print(f"{'a request':<44} {'instructions':>12} {'locked/1,000':>12} {'messages':>9}")
    for label, counted in rows:
        messages = counted.get("messages")
        print(f"{label:<44} {counted['instructions']:>12,.0f} {counted['locked']:>12,.1f} "
              f"{'-' if messages is None else f'{messages:.3f}':>9}")


def print_cards(cards: dict[str, dict[str, float]]) -> None:
    """A column a card."""
    print(f"{'Toril, 1 core, keep-alive, 32 connections':<44}" + "".join(f" {card:>10}" for card in cards))
    for name in next(iter(cards.values())):
        print(f"{name:<44}" + "".join(f" {show(of[name]):>10}" for of in cards.values()))
