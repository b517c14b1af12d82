# SPDX-License-Identifier: GPL-2.0-or-later
"""The source is C11 without extensions, and compiles for Windows, where what a DLL exports has no constant address."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest
import tshark as tools

GENERATED = tools.build_dir() / "generated"
WINDOWS = "x86_64-w64-mingw32-gcc"
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# libwireshark exports the variable: its address is constant for the linker of Linux, not for that of Windows.
IMPORTED = """#include <epan/packet.h>
#include <epan/unit_strings.h>
const void *unit = &units_milliseconds;
"""
EXTENSION = "int first(int value);\nint first(int value) { return ({ value; }); }\n"


def include_folders() -> list[str]:
    flags = subprocess.run(["pkg-config", "--cflags-only-I", "wireshark", "gmodule-2.0"], capture_output=True, text=True,
                           check=True).stdout.split()
    folders = dict.fromkeys(flag.removeprefix("-I") for flag in flags)
    return [part for folder in folders for part in ("-isystem", folder)]


def windows_glibconfig(folder: pathlib.Path) -> None:
    """Writes GLib's configuration of this machine as it is where long has 32 bits and a pointer 64."""
    for flag in include_folders():
        path = pathlib.Path(flag) / "glibconfig.h"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"\b(signed|unsigned) long (\w+;)", r"\1 long long \2", text)
            text = re.sub(r"(MODIFIER|FORMAT) +\"l([iu]?)\"", r'\1 "ll\2"', text)
            text = re.sub(r"\(val##U?L\)", lambda found: found[0].replace("L", "LL"), text)
            text = re.sub(r"\((glong|gulong)\)", lambda found: f"(g{'u' if 'u' in found[1] else ''}int64)", text)
            (folder / "glibconfig.h").write_text(text, encoding="utf-8")
            return
    pytest.fail("no glibconfig.h below the folders that pkg-config names")


def complaints(compiler: list[str], sources: list[pathlib.Path]) -> str:
    """The compiler's output for all sources in one run."""
    command = [*compiler, "-std=c11", "-fsyntax-only", *WARNINGS, f"-I{tools.REPOSITORY / 'plugin'}", f"-I{GENERATED}",
               *include_folders(), '-DPLUGIN_VERSION="0"', *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr or not done.returncode
    return done.stderr


def sources() -> list[pathlib.Path]:
    found = sorted([*(tools.REPOSITORY / "plugin").rglob("*.c"), *GENERATED.glob("*.c")])
    assert len(found) > 50 and any(path.parent == GENERATED for path in found)
    return found


@pytest.fixture
def windows(tmp_path: pathlib.Path) -> list[str]:
    if not shutil.which(WINDOWS):
        pytest.skip(f"{WINDOWS} is missing (package gcc-mingw-w64-x86-64)")
    windows_glibconfig(tmp_path)
    return [WINDOWS, f"-I{tmp_path}"]


@pytest.fixture
def pedantic() -> list[str]:
    if not shutil.which("clang"):
        pytest.skip("clang is missing")
    # Linux declares ssize_t, which Wireshark's headers want, without any extension of the language.
    return ["clang", "-Wpedantic", "-Wgnu", "-DHAVE_SSIZE_T", "-D_GNU_SOURCE"]


def test_source_compiles_for_windows(windows: list[str]):
    assert complaints(windows, sources()) == ""


def test_imported_address_is_refused_for_windows(windows: list[str], tmp_path: pathlib.Path):
    source = tmp_path / "imported.c"
    source.write_text(IMPORTED, encoding="utf-8")
    assert "not constant" in complaints(windows, [source])


def test_source_uses_no_extension(pedantic: list[str]):
    assert complaints(pedantic, sources()) == ""


def test_extension_is_refused(pedantic: list[str], tmp_path: pathlib.Path):
    source = tmp_path / "extension.c"
    source.write_text(EXTENSION, encoding="utf-8")
    assert "-Wgnu" in complaints(pedantic, [source])
