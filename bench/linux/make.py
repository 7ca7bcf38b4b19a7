#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the Linux that Toril is compared with: make.py FOLDER BODY

One UEFI file: systemd's stub, Debian's kernel for clouds, and an initial file system with nginx, what
nginx links, the drivers of a virtio network card, and init.c. The packages are downloaded into FOLDER
and unpacked there; none is installed. FOLDER/linux.efi has mitigations off, FOLDER/linux-mitigated.efi
the kernel's defaults. BODY is the file that nginx answers with.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
KERNEL = "linux-image-cloud-amd64"
PACKAGES = ["nginx", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g", "systemd-boot-efi"]
# In the order in which they need each other; what a kernel has built in is left out.
DRIVERS = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "failover", "net_failover", "virtio_net"]
# Of a network that does not answer.
PATIENCE = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30"]
COMMAND_LINES = {"linux.efi": "mitigations=off", "linux-mitigated.efi": ""}
ADDRESS = "192.0.2.15"
PAGE = 4096
Tree = dict[str, tuple[int, bytes]]  # path: mode, content


def run(*command: str | pathlib.Path, folder: pathlib.Path | None = None) -> str:
    """Runs a command that must succeed. Returns: its output."""
    done = subprocess.run([str(word) for word in command], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        hint = ": is there a network, and are apt's lists new?" if command[0] == "apt-get" else ""
        sys.exit(f"bench: no Linux to compare with: {command[0]} failed{hint}")
    return done.stdout


def unpack(folder: pathlib.Path) -> pathlib.Path:
    """Downloads and unpacks the packages, once. Returns: where they are unpacked."""
    root, done = folder / "root", folder / "root.complete"
    if done.exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    kernel = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", KERNEL))
    if not kernel:
        sys.exit(f"bench: apt knows no {KERNEL}")
    run("apt-get", *PATIENCE, "-q", "download", kernel[1], *PACKAGES, folder=packages)
    for package in packages.glob("*.deb"):
        run("dpkg", "-x", package, root)
    done.touch()
    return root


def add_program(tree: Tree, root: pathlib.Path, path: str) -> None:
    """A program or library with those that it links."""
    real = (root / path).resolve()
    if path in tree:
        return
    tree[path] = (0o100755, real.read_bytes())
    for name in re.findall(r"NEEDED +(\S+)", run("objdump", "-p", real)):
        if name.startswith("ld-linux"):
            tree[f"lib64/{name}"] = (0o100755, find(root, name).read_bytes())
        else:
            add_program(tree, root, str(find(root, name).relative_to(root)))


def find(root: pathlib.Path, name: str) -> pathlib.Path:
    """A file by its name, wherever it is."""
    found = sorted(root.rglob(name))
    if not found:
        sys.exit(f"bench: none of the packages has {name}")
    return found[0]


def make_tree(root: pathlib.Path, init: bytes, body: str) -> Tree:
    """All files of the initial file system but folders."""
    tree: Tree = {"init": (0o100755, init)}
    add_program(tree, root, "usr/sbin/nginx")
    listed = ""
    for driver in DRIVERS:
        for path in root.glob(f"lib/modules/*/kernel/**/{driver}.ko"):
            tree[f"drivers.d/{driver}.ko"] = (0o100644, path.read_bytes())
            listed += f"/drivers.d/{driver}.ko\n"
    text = (HERE / "nginx.conf").read_text().replace("@BODY@", body.replace("\n", "\\n"))
    for path, content in {"drivers": listed, "nginx.conf": text, "etc/passwd": "root:x:0:0::/:/\n",
                          "etc/group": "root:x:0:\n"}.items():
        tree[path] = (0o100644, content.encode())
    return tree


def archive(tree: Tree) -> bytes:
    """A cpio archive in its "newc" format. Spec: the kernel's buffer-format.rst, of initramfs."""
    folders = {str(parent) for path in tree for parent in pathlib.PurePath(path).parents} - {"."}
    folders |= {"proc", "dev", "var", "var/log", "var/log/nginx", "var/lib", "var/lib/nginx"}
    entries = [(path, 0o040755, b"") for path in sorted(folders)]
    entries += [(path, mode, content) for path, (mode, content) in tree.items()]
    packed = b""
    for number, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        name = path.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        packed += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        packed += b"\0" * (-len(packed) % 4) + content
        packed += b"\0" * (-len(packed) % 4)
    return packed


def end_of_sections(image: bytes) -> int:
    """Where a PE's last section ends in memory. Spec: PE Format, COFF header and section table."""
    header = struct.unpack_from("<I", image, 0x3C)[0]
    count, optional_bytes = struct.unpack_from("<H12xH", image, header + 6)
    base = struct.unpack_from("<Q", image, header + 24 + 24)[0]
    table = header + 24 + optional_bytes
    sections = [struct.unpack_from("<II", image, table + 40 * i + 8) for i in range(count)]
    return base + max(address + size for size, address in sections)


def make_image(root: pathlib.Path, folder: pathlib.Path, name: str, files: pathlib.Path) -> None:
    """One UEFI file: the stub with the kernel and all else as sections, close together in memory."""
    stub = find(root, "linuxx64.efi.stub")
    (folder / "command-line").write_text(
        f"console=ttyS0 quiet {COMMAND_LINES[name]} address={ADDRESS}")
    (folder / "os-release").write_text("ID=linux\n")
    sections = {".osrel": folder / "os-release", ".cmdline": folder / "command-line",
                ".linux": find(root, "vmlinuz-*"), ".initrd": files}
    at, options = end_of_sections(stub.read_bytes()), []
    for section, file in sections.items():
        at = -(-at // PAGE) * PAGE
        options += ["--add-section", f"{section}={file}", "--change-section-vma", f"{section}={at:#x}"]
        at += file.stat().st_size
    run("objcopy", *options, stub, folder / name)


def main(arguments: list[str]) -> int:
    """Returns: how the script ends."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder, body = pathlib.Path(arguments[0]).resolve(), pathlib.Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    root = unpack(folder)
    run("gcc", "-static", "-s", "-O2", "-Wall", "-Wextra", "-Werror", "-o", folder / "init", HERE / "init.c")
    files = folder / "files.cpio"
    files.write_bytes(archive(make_tree(root, (folder / "init").read_bytes(), body.read_text())))
    run("zstd", "-q", "-f", "-19", files, "-o", folder / "files.cpio.zst")
    for name in COMMAND_LINES:
        make_image(root, folder, name, folder / "files.cpio.zst")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
