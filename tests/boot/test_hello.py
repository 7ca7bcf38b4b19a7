# SPDX-License-Identifier: MIT
"""The smallest app: what main returns is the status of `./toril run`."""

from __future__ import annotations

import re

import pytest

from conftest import Starter


@pytest.mark.parametrize("status", [0, 7, 100, 101, 200])
def test_status(boot: Starter, status: int) -> None:
    """Without an argument 0, else the number given, also above what one I/O write can say."""
    hello = boot("hello", net="none", append=f"-- {status}" if status else "")
    hello.expect_end(status)
    assert hello.find(r"^hello from ring 0$")
    assert re.fullmatch(rf"\[ *[0-9.]+\] toril: main returned {status}", hello.lines[-1])


def test_arguments(boot: Starter) -> None:
    """Arguments come whole, quotes keep blanks together."""
    hello = boot("hello", net="none", append='-- 3 "two words" ip=not-an-option')
    hello.expect_end(3)
    assert hello.find(r"^argument 1: 3$"), hello.console
    assert hello.find(r"^argument 2: two words$"), hello.console
    assert hello.find(r"^argument 3: ip=not-an-option$"), hello.console
