# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures that every test over tshark uses."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest

# Modules that tests import: tests/lib, the compiler of the definitions, the lists of packets of fuzz/.
TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "lib"), str(TESTS.parent / "ropdefs"), str(TESTS.parent / "fuzz")]

import tshark as tools  # noqa: E402  (after the path is set)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "xdist_group(name): tests that share the output of one tshark run")
    # One worker per capture instead of two that each run tshark on it.
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module run in one worker: the other one would start tshark for it again."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        if fixtures is None or item.get_closest_marker("xdist_group"):
            continue
        if any(found[-1].scope == "module" for found in fixtures.name2fixturedefs.values() if found):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def tshark():
    """The module that runs tshark, after it is certain that the plugin is loaded."""
    try:
        tools.require_plugin()
    except tools.NoPlugin as problem:
        if "PYTEST_XDIST_WORKER" in os.environ:
            pytest.fail(f"STOP: {problem}", pytrace=False)
        pytest.exit(f"STOP: {problem}", returncode=3)
    return tools


@pytest.fixture(scope="session")
def seen(tshark):
    """Asks tshark once per capture and kind of run for all fields that the
    ground-truth tests compare; see observed.py."""
    import observed
    return observed.Observed(tshark)
