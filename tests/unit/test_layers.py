# SPDX-License-Identifier: GPL-2.0-or-later
"""The plan of plugin/ (docs/architecture.md): folders know those below them, and no file needs itself, neither by include
nor by symbol."""

import re
import shutil
import subprocess

import pytest
import tshark as tools

PLUGIN = tools.REPOSITORY / "plugin"
OBJECTS = tools.build_dir() / "CMakeFiles" / "oxcnotif.dir"
MAX_LINES = 600

# What a folder may include. Nobody includes notify: it hears of what others see (session/event.h).
BELOW = {
    "session": set(),
    "tcp": {"session"},
    "tls": {"session", "tcp"},
    "rop": {"session"},
    "payload": {"rop", "session"},
    "udp": {"session", "tcp"},
    "http": {"payload", "rop", "session", "tcp"},
    "rpc": {"payload", "rop", "session", "tcp", "udp"},
    "rpch": {"http", "rpc", "session", "tcp"},
    "notify": {"session", "tcp"},
}


def circle(needs: dict[str, set[str]]) -> list[str]:
    """The first circle that is found, as the names along it."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name):], name]
        if name in done:
            return []
        for other in sorted(needs.get(name, ())):
            found = visit(other, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    for name in sorted(needs):
        found = visit(name, [])
        if found:
            return found
    return []


def includes() -> dict[str, set[str]]:
    """What each file of a folder includes of folders."""
    return {f"{path.parent.name}/{path.name}": set(re.findall(r'^#include "(\w+/\w+\.h)"', path.read_text(encoding="utf-8"),
                                                              re.M)) for path in PLUGIN.glob("*/*.[ch]")}


def test_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_folders_know_those_below():
    assert not circle(BELOW)
    found = includes()
    assert {name.split("/")[0] for name in found} == set(BELOW)
    for name, others in found.items():
        folder = name.split("/")[0]
        wrong = {other for other in others if other.split("/")[0] not in BELOW[folder] | {folder}}
        assert not wrong, name


def test_no_circle_of_includes():
    headers = {name: others for name, others in includes().items() if name.endswith(".h")}
    assert len(headers) > 50
    assert not circle(headers)


@pytest.mark.skipif(not shutil.which("nm"), reason="nm lists the symbols of object files")
def test_no_circle_of_symbols():
    if not OBJECTS.is_dir():
        pytest.skip("no object files beside the plugin")
    defined: dict[str, str] = {}
    used: dict[str, set[str]] = {}
    for path in [*(OBJECTS / "plugin").glob("*/*.o"), *(OBJECTS / "generated").glob("*.o")]:
        if path.parent.name != "generated" and not (PLUGIN / path.parent.name / path.stem).exists():
            continue        # of a file that was moved since
        name = f"{path.parent.name}/{path.name}"
        symbols = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
        defined |= {symbol: name for symbol in re.findall(r"^[0-9a-f]+ [TDBR] (\w+)$", symbols, re.M)}
        used[name] = set(re.findall(r"^ +U (\w+)$", symbols, re.M))
    assert len(used) > 70
    needs = {name: {defined[s] for s in symbols if s in defined} - {name} for name, symbols in used.items()}
    assert not circle(needs)


def test_files_stay_small():
    large = {path.name: lines for path in PLUGIN.glob("*/*.[ch]")
             if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES}
    assert not large
