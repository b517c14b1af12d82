# SPDX-License-Identifier: GPL-2.0-or-later
"""The language of definitions: what it allows, and what it refuses with file, line and reason."""

import ast
import pathlib
import re
import subprocess
import sys
import traceback

import compile as compiler
import pytest
from model import DefinitionError, DefinitionErrors

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COMPILER = REPOSITORY / "ropdefs" / "compile.py"
EXAMPLES = pathlib.Path(__file__).resolve().parent / "examples"


def translate(path):
    """All that the compiler makes of a file; DefinitionErrors is what it refuses it with."""
    _, _, emitter = compiler.compile_definitions([path], COMPILER.parent)
    return emitter.c_file(), emitter.names_file(), emitter.h_file(), emitter.reference()


def errors_of(path):
    with pytest.raises(DefinitionErrors) as refused:
        translate(path)
    return refused.value.errors


def run(*args):
    return subprocess.run([sys.executable, str(COMPILER), *map(str, args)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("err_*.def")), ids=lambda p: p.stem)
def test_refuses(path):
    expected = re.findall(r"^# error at (\d+): (.+)$", path.read_text(encoding="utf-8"), re.M)
    errors = [str(e) for e in errors_of(path)]
    assert expected and len(errors) == len(expected), errors
    for error, (line, reason) in zip(errors, expected):
        assert error.startswith(f"{path.name}:{line}: error: {reason}")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("ok_*.def")), ids=lambda p: p.stem)
def test_allows(path):
    assert all(translate(path))


def test_command(tmp_path):
    """One line on standard error for a mistake, and nothing half-written is left behind."""
    done = run("--out", tmp_path / "out", EXAMPLES / "err_word.def")
    assert (done.returncode, done.stderr) == (1, "err_word.def:4: error: 'room' begins no definition\n")
    assert not (tmp_path / "out").exists()
    done = run("--out", tmp_path / "out", EXAMPLES / "ok_fields.def")
    assert done.returncode == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"ropdefs.c", "ropdefs_names.c", "ropdefs.h", "fields.md"}


def refusals():
    """Where the compiler refuses something: (file, line) -> source line."""
    places = {}
    for source in ("expression.py", "lang.py", "check.py"):
        text = (COMPILER.parent / source).read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and "DefinitionError(" in ast.get_source_segment(text, node):
                places[source, node.lineno] = ast.get_source_segment(text, node)
    return places


def test_every_refusal_has_an_example():
    met = set()
    for path in EXAMPLES.glob("err_*.def"):
        for error in errors_of(path):
            *_, last = traceback.extract_tb(error.__traceback__)
            met.add((pathlib.Path(last.filename).name, last.lineno))
    missing = {place: text for place, text in refusals().items() if place not in met}
    assert not missing


def test_tables_beside_the_definitions(tmp_path):
    (tmp_path / "t.tsv").write_text("#value\tnames\n0x1\tA|B\nx\tC\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"t.tsv:3: error: no number in"):
        compiler.read_table(tmp_path / "t.tsv", 0, (1,))


def test_the_definitions_pass():
    done = run("--check", "--stats", REPOSITORY / "ropdefs")
    assert done.returncode == 0, done.stderr
    assert re.match(r"\d+ ROPs, \d+ messages, \d+ structures; \d+ ROPs use one of \d+ types written in C\n", done.stdout)
