# SPDX-License-Identifier: MIT
"""BOOTX64.EFI as strict firmware and signing tools see it. Spec: PE Format, Microsoft."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

from conftest import ROOT, built

NX_COMPAT, DYNAMIC_BASE = 0x0100, 0x0040
EXECUTE, WRITE, DISCARDABLE = 0x20000000, 0x80000000, 0x02000000
RELOCATION_DIRECTORY = 5
PAGE = 4096


@dataclasses.dataclass
class Section:
    """One row of the section table."""

    name: str
    size: int
    address: int
    raw_size: int
    raw_offset: int
    flags: int


class Image:
    """The fields of a PE32+ file that matter here."""

    def __init__(self, path: pathlib.Path) -> None:
        data = path.read_bytes()
        assert data[:2] == b"MZ"
        header = struct.unpack_from("<I", data, 0x3C)[0]
        assert data[header:header + 4] == b"PE\0\0"
        (self.machine, count, self.timestamp, _, _, optional_size, _) = struct.unpack_from(
            "<HHIIIHH", data, header + 4)
        optional = header + 24
        assert struct.unpack_from("<H", data, optional)[0] == 0x20B
        self.entry = struct.unpack_from("<I", data, optional + 16)[0]
        self.section_alignment, self.file_alignment = struct.unpack_from("<II", data, optional + 32)
        self.image_size, self.headers_size = struct.unpack_from("<II", data, optional + 56)
        self.subsystem, self.flags = struct.unpack_from("<HH", data, optional + 68)
        self.relocations = struct.unpack_from(
            "<II", data, optional + 112 + 8 * RELOCATION_DIRECTORY)
        self.file_size = len(data)
        self.sections = []
        for i in range(count):
            row = struct.unpack_from("<8sIIIIIIHHI", data, optional + optional_size + 40 * i)
            name = row[0].rstrip(b"\0").decode()
            self.sections.append(Section(name, row[1], row[2], row[3], row[4], row[9]))


@pytest.fixture(scope="module", params=["hello", "http"])
def image(request: pytest.FixtureRequest) -> Image:
    """An app's image."""
    return Image(built(request.param) / "BOOTX64.EFI")


def test_kind(image: Image) -> None:
    """An EFI application for x86-64 that may be loaded anywhere and says that NX is fine."""
    assert image.machine == 0x8664
    assert image.subsystem == 10
    assert image.flags & NX_COMPAT
    assert image.flags & DYNAMIC_BASE


def test_sections(image: Image) -> None:
    """Sections start on pages, follow each other, lie in the file, none writable and executable."""
    assert image.section_alignment == PAGE
    assert image.sections
    end = image.headers_size
    for section in image.sections:
        assert section.address % PAGE == 0, section
        assert section.address >= end, section
        assert not (section.flags & EXECUTE and section.flags & WRITE), section
        assert section.raw_offset % image.file_alignment == 0, section
        assert section.raw_offset + section.raw_size <= image.file_size, section
        end = section.address + max(section.size, section.raw_size)
    assert image.image_size >= end
    assert image.image_size % PAGE == 0


def test_entry(image: Image) -> None:
    """The entry point lies in an executable section."""
    home = [s for s in image.sections if s.address <= image.entry < s.address + s.size]
    assert len(home) == 1
    assert home[0].flags & EXECUTE


def test_relocations(image: Image) -> None:
    """There is a base relocation table, inside a section."""
    address, size = image.relocations
    assert size > 0
    assert any(s.address <= address and address + size <= s.address + max(s.size, s.raw_size)
               for s in image.sections)


@pytest.mark.parametrize("app, most", [("hello", 128 << 10), ("http", 1 << 20)])
def test_size(app: str, most: int) -> None:
    """What is carried is small: the kernel alone, and a web server with TLS."""
    assert (built(app) / "BOOTX64.EFI").stat().st_size <= most


def test_reproducible(tmp_path: pathlib.Path) -> None:
    """The same sources in another folder, at another time, give the same bytes."""
    here = (built("hello") / "BOOTX64.EFI").read_bytes()
    copy = tmp_path / "a_folder_with_another_name" / "toril"
    copy.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if entry.is_dir() and entry.name not in ("build", ".git"):
            shutil.copytree(entry, copy / entry.name)
        elif entry.is_file():
            shutil.copy2(entry, copy)
    for source in (ROOT / "build/third_party").glob("*/source"):
        shutil.copytree(source, copy / source.relative_to(ROOT), symlinks=True)
    environment = os.environ | {"TZ": "Asia/Tokyo", "LC_ALL": "C", "USER": "someone"}
    done = subprocess.run([str(copy / "toril"), "build", "hello"], stderr=subprocess.PIPE,
                          text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert (copy / "build/hello/BOOTX64.EFI").read_bytes() == here


def packed(folder: pathlib.Path, output: pathlib.Path) -> str:
    subprocess.run(["/usr/bin/python3", str(ROOT / "http/pack.py"), str(folder), str(output)],
                   check=True)
    return output.read_text()


def test_files_have_the_time_of_their_commit(tmp_path: pathlib.Path) -> None:
    """A folder of files gives the same from two checkouts, whatever time it is; changed, its own."""
    first, second = tmp_path / "first", tmp_path / "second"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(first)]
    (first / "www").mkdir(parents=True)
    (first / "www/a.txt").write_text("a\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    date = os.environ | {"GIT_COMMITTER_DATE": "1000000000 +0900"}
    subprocess.run([*git, "commit", "-q", "-m", "files"], check=True, env=date)
    subprocess.run(["git", "clone", "-q", str(first), str(second)], check=True)
    os.utime(second / "www/a.txt", (1100000000, 1100000000))
    text = packed(first / "www", tmp_path / "first.c")
    assert "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT" in text
    assert packed(second / "www", tmp_path / "second.c") == text
    (second / "www/b.txt").write_text("b\n")
    assert "Last-Modified: Tue, 09 Nov 2004 11:33:20 GMT" in packed(second / "www", tmp_path / "b.c")
