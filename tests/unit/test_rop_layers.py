# SPDX-License-Identifier: GPL-2.0-or-later
"""No file of plugin/rop, nor what is generated from the definitions, needs itself: neither by include nor by symbol."""

import re
import shutil
import subprocess

import pytest
import tshark as tools

PLUGIN = tools.REPOSITORY / "plugin"
OBJECTS = tools.build_dir() / "CMakeFiles" / "oxcnotif.dir"
MAX_LINES = 600


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


def test_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_circle_of_includes():
    includes = {}
    for path in (PLUGIN / "rop").glob("*.h"):
        includes[f"rop/{path.name}"] = set(re.findall(r'^#include "(rop/\w+\.h)"', path.read_text(encoding="utf-8"), re.M))
    assert len(includes) > 15
    assert not circle(includes)


@pytest.mark.skipif(not shutil.which("nm"), reason="nm lists the symbols of object files")
def test_no_circle_of_symbols():
    if not OBJECTS.is_dir():
        pytest.skip("no object files beside the plugin")
    defined: dict[str, str] = {}
    used: dict[str, set[str]] = {}
    for path in [*(OBJECTS / "plugin" / "rop").glob("*.o"), *(OBJECTS / "generated").glob("*.o")]:
        if path.name.startswith("ropdefs") or (PLUGIN / "rop" / path.stem).exists():
            symbols = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
            defined |= {symbol: path.name for symbol in re.findall(r"^[0-9a-f]+ [TDBR] (\w+)$", symbols, re.M)}
            used[path.name] = set(re.findall(r"^ +U (\w+)$", symbols, re.M))
    assert len(used) > 15
    needs = {name: {defined[s] for s in symbols if s in defined} - {name} for name, symbols in used.items()}
    assert not circle(needs)


def test_files_stay_small():
    large = {path.name: lines for path in (PLUGIN / "rop").glob("*.[ch]")
             if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES}
    assert not large
