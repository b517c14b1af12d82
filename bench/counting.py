# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what a run of tshark costs: instructions (callgrind, from the first packet on), CPU time, memory."""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "lib")]

import tshark as tools  # noqa: E402  (after the path is set)

ALONE = {"WIRESHARK_PLUGIN_DIR": "/nonexistent"}

# Name of a mode, the arguments of tshark, and those without the plugin if it has none of the fields or statistics.
MODES: dict[str, tuple[list[str], list[str] | None]] = {
    "io,stat": (["-q", "-z", "io,stat,0"], None),
    "conv,tcp": (["-q", "-z", "conv,tcp"], None),
    "-2 io,stat": (["-2", "-q", "-z", "io,stat,0"], None),
    "-2 conv,tcp": (["-2", "-q", "-z", "conv,tcp"], None),
    "wakeups": (["-q", "-z", "io,stat,0", "-z", "oxcnotif,wakeups"], ["-q", "-z", "io,stat,0"]),
    "all taps": (["-q", "-z", "io,stat,0", "-z", "oxcnotif,wakeups", "-z", "oxcnotif,sessions", "-z", "oxcnotif,tree"],
                 ["-q", "-z", "io,stat,0"]),
    "events": (["-q", "-z", "oxcnotif,events"], ["-q", "-z", "conv,tcp"]),
    "-T fields": (["-T", "fields", "-e", "frame.number", "-e", "oxcnotif.wakeup.outcome"], ["-T", "fields", "-e", "frame.number"]),
    "-Y": (["-Y", "oxcnotif.wakeup"], ["-Y", "frame.number == 1"]),
    "-V": (["-V"], None),
}


@functools.lru_cache(maxsize=None)
def preload(name: str = "counted", headers: str = "glib-2.0") -> pathlib.Path:
    """A source of this folder, compiled where the unprivileged user can load it."""
    library = tools.scratch() / f"{name}.so"
    flags = [flag for options in (["--cflags", headers], ["--libs", "glib-2.0"])
             for flag in subprocess.run(["pkg-config", *options], capture_output=True, text=True, check=True).stdout.split()]
    subprocess.run(["gcc", "-std=c11", "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / f"{name}.c"), "-ldl", *flags], check=True)
    library.chmod(0o755)
    return library


def arguments(mode: str, plugin: bool, capture: pathlib.Path) -> list[str]:
    with_it, alone = MODES[mode]
    return ["tshark", "-n", "-r", str(capture), *(with_it if plugin or alone is None else alone)]


def instructions(mode: str, plugin: bool, capture: pathlib.Path, profile: pathlib.Path | None = None) -> int:
    """Instructions of one run from the first packet on; profile: where callgrind writes what took them."""
    out = profile or tools.scratch() / "home" / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}",
               *arguments(mode, plugin, capture)]
    environment = tools.environment() | ({} if plugin else ALONE) | {"LD_PRELOAD": str(preload())}
    done = subprocess.run(command, cwd=tools.scratch() / "home", env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace", **tools.identity())
    counted = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode or not counted:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return int(counted.group(1))


def inclusive(profile: pathlib.Path, function: str) -> int:
    """Instructions of a function and of all that it calls, in a profile that instructions() wrote; 0 if it was not called."""
    listed = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(profile)], capture_output=True, text=True, check=True)
    found = re.search(rf"^ *([\d,]+) .*:{function}(?:'2)? \[", listed.stdout, re.M)
    return int(found.group(1).replace(",", "")) if found else 0


def function_names(library: str, offsets: list[str]) -> dict[str, str]:
    """Function and file that each offset is in. gcc names what it made of a function behind a point."""
    if not offsets:
        return {}
    named = subprocess.run(["addr2line", "-f", "-s", "-e", library, *offsets], capture_output=True, text=True, check=True)
    lines = named.stdout.splitlines()
    return {offset: f"`{function.partition('.')[0]}()`, {place.partition(':')[0]}"
            for offset, function, place in zip(offsets, lines[::2], lines[1::2], strict=True)}


def allocations(capture: pathlib.Path, plugin: bool = True) -> dict[str, tuple[int, int]]:
    """What is kept until the file is closed: number and bytes, with those of the allocator; of the plugin by function and
    file, in backquotes, of others by protocol."""
    out = tools.scratch() / "home" / f"{capture.stem}.allocated"
    environment = tools.environment() | ({} if plugin else ALONE) | {
        "LD_PRELOAD": str(preload("allocated", "wireshark")), "OXCNOTIF_ALLOCATED": str(out), "G_SLICE": "always-malloc"}
    subprocess.run(arguments("io,stat", plugin, capture), cwd=tools.scratch() / "home", env=environment, stdout=subprocess.DEVNULL,
                   check=True, **tools.identity())
    library, *lines = out.read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    names = function_names(library, [place for place, _, _ in rows if place.startswith("0x")])
    found: dict[str, tuple[int, int]] = {}
    for place, number, size in rows:
        key = names.get(place, place)
        before = found.get(key, (0, 0))
        found[key] = before[0] + int(number), before[1] + int(size)
    return found


def seconds(mode: str, plugin: bool, capture: pathlib.Path) -> tuple[float, int]:
    """CPU seconds and bytes of memory of one run without valgrind, start of the program included."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code, spent, memory = tools.cost(arguments(mode, plugin, capture), out, err, 3600, None if plugin else ALONE)
        err.seek(0)
        if code:
            raise SystemExit(f"tshark ended with {code}: {err.read().decode(errors='replace')[-3000:]}")
    return spent, memory


def versions() -> dict[str, str]:
    """Figures are only comparable if these are equal."""
    def first_line(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]

    plugin = next((tools.scratch() / "plugins").glob(f"*/epan/{tools.PLUGIN}"))
    notes = subprocess.run(["readelf", "-p", ".comment", str(plugin)], capture_output=True, text=True, check=True).stdout
    cache = (tools.build_dir() / "CMakeCache.txt").read_text()
    names = "|".join(("CMAKE_BUILD_TYPE", "CMAKE_C_FLAGS", "CMAKE_INTERPROCEDURAL_OPTIMIZATION", "OXCNOTIF_SANITIZE", "OXCNOTIF_COVERAGE"))
    options = re.findall(rf"^(?:{names}):\w+=(.*)", cache, re.M)
    return {"tshark": first_line("tshark", "--version"), "valgrind": first_line("valgrind", "--version"),
            "compiler": "; ".join(re.findall(r"\]\s+(.*)", notes)), "build": " ".join(option for option in options if option)}
