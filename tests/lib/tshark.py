# SPDX-License-Identifier: GPL-2.0-or-later
"""Run tshark and sharkd with the plugin, as an unprivileged user.

Wireshark ignores WIRESHARK_PLUGIN_DIR and personal plugins when it runs as
root, silently: a test run as root would test Wireshark without the plugin.  So
the tools run as the user `nobody` when the tests run as root, with a HOME of
their own (no profile, no preferences), and the first thing asked is whether
`tshark -G plugins` lists the plugin.

The plugin is copied to a scratch directory before the first run: a checkout may
lie where that user cannot read, and a build that goes on meanwhile must not
change what is tested.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree
from collections.abc import Iterable, Sequence
from typing import IO

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PLUGIN = "oxcnotif.so"
TIMEOUT = 300                   # seconds; no capture of the tests needs a tenth of it

# _ws.expert.severity of what is no complaint (epan/proto.h). The http dissector of Wireshark 4.0 says
# something of the kind of every start line, that of later releases does not.
PI_CHAT = 0x200000

# What a program with sanitizers ends with when it has something to report.
REPORTED = 86

# Characters that no field value of the captures holds.
_SEPARATOR, _AGGREGATOR = "\x1d", "\x1f"


class NoPlugin(Exception):
    """The tools cannot be run with the plugin; the text says what to do."""


def build_dir() -> pathlib.Path:
    """OXCNOTIF_BUILD, relative to the repository, or build/."""
    return REPOSITORY / os.environ.get("OXCNOTIF_BUILD", "build")


def _user() -> pwd.struct_passwd | None:
    """Whom to become: nobody when we are root, else nobody else."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _open_up(root: pathlib.Path) -> None:
    """Make a scratch tree readable by the unprivileged user."""
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


@functools.lru_cache(maxsize=None)
def scratch() -> pathlib.Path:
    """A directory for this process: the plugin, a HOME, copies of captures."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="oxcnotif-test-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    plugins = build_dir() / "plugins"
    found = sorted(plugins.glob(f"*/epan/{PLUGIN}"))
    if not found:
        raise NoPlugin(
            f"no {PLUGIN} below {plugins}. Build it first: cmake -S {REPOSITORY} -B {build_dir()} "
            f"-G Ninja && cmake --build {build_dir()} (or name another build directory in "
            "OXCNOTIF_BUILD)")
    for plugin in found:
        target = root / "plugins" / plugin.relative_to(plugins)
        target.parent.mkdir(parents=True)
        shutil.copyfile(plugin, target)
    (root / "captures").mkdir()
    (root / "home").mkdir()
    _open_up(root)
    user = _user()
    if user:
        os.chown(root / "home", user.pw_uid, user.pw_gid)
    return root


def folder() -> pathlib.Path:
    """A new directory for captures, which goes with the scratch directory."""
    path = pathlib.Path(tempfile.mkdtemp(dir=scratch() / "captures"))
    path.chmod(0o755)
    return path


@functools.lru_cache(maxsize=None)
def sanitizer() -> dict[str, str]:
    """What tshark, which has no sanitizer, needs to load a plugin that has (OXCNOTIF_SANITIZE=1).  tshark leaks by itself:
    tests/robustness/test_robust_leaks.py looks for those of the plugin."""
    if not os.environ.get("OXCNOTIF_SANITIZE"):
        return {}
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    # Programs that tshark starts to find interfaces hang when the sanitizer is in them.
    return {"LD_PRELOAD": runtime.stdout.strip(), "ASAN_OPTIONS": f"detect_leaks=0:exitcode={REPORTED}",
            "UBSAN_OPTIONS": f"print_stacktrace=1:exitcode={REPORTED}",
            "WIRESHARK_EXTCAP_DIR": "/nonexistent"}


def environment() -> dict[str, str]:
    """No setting of the person who runs the tests reaches the tools, except
    what a coverage build needs."""
    keep = {name: value for name, value in os.environ.items()
            if name in ("PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
                        "LLVM_PROFILE_FILE")}
    return {"PATH": "/usr/bin:/bin", **sanitizer(), **keep, "HOME": str(scratch() / "home"), "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "WIRESHARK_PLUGIN_DIR": str(scratch() / "plugins")}


def identity() -> dict[str, object]:
    """Arguments of subprocess that make a process the unprivileged user's."""
    user = _user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def cost(arguments: Sequence[str], out: IO[bytes], err: IO[bytes], cpu_seconds: int,
         env: dict[str, str] | None = None) -> tuple[int, float, int]:
    """Runs a tool: its exit code, what CPU time it took, and how many bytes of memory at most.  It is ended when it takes
    more time than it may."""
    reading, writing = os.pipe()
    asked = {"arguments": list(arguments), "env": environment() | (env or {}), "cpu_seconds": cpu_seconds, "result": writing}
    program = (scratch() / "measured.py", pathlib.Path(__file__).with_name("measured.py"))
    if not program[0].exists():
        shutil.copyfile(program[1], program[0])
        program[0].chmod(0o644)
    with os.fdopen(reading, "rb") as result:
        try:
            subprocess.run(["/usr/bin/python3", "-I", "-S", str(program[0]), json.dumps(asked)], cwd=scratch() / "home",
                           env={"PATH": "/usr/bin:/bin"}, stdout=out, stderr=err, pass_fds=[writing], check=True,
                           **identity())
        finally:
            os.close(writing)
        code, seconds, memory = json.loads(result.read())
    return code, seconds, memory


@functools.lru_cache(maxsize=None)
def _copies_of(place: pathlib.Path) -> pathlib.Path:
    """Where copies of a folder's captures are: another folder may have the same names."""
    return folder()


def readable(capture: os.PathLike[str] | str) -> pathlib.Path:
    """The capture where the unprivileged user can read it."""
    capture = pathlib.Path(capture).resolve()
    if scratch() / "captures" in capture.parents:
        return capture
    copy = _copies_of(capture.parent) / capture.name
    if not copy.exists() or copy.stat().st_mtime < capture.stat().st_mtime:
        shutil.copyfile(capture, copy)
        copy.chmod(0o644)
    return copy


def run(args: Sequence[str], check: bool = True, program: str = "tshark",
        timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run a tool of Wireshark with the plugin; its working directory is the
    scratch directory.  A report of a sanitizer is an error without check, too."""
    done = subprocess.run(
        [program, *args], cwd=scratch() / "home", env=environment(), capture_output=True, text=True,
        encoding="utf-8", errors="replace", timeout=timeout, check=False, **identity())
    if done.returncode and (check or done.returncode == REPORTED):
        raise AssertionError(f"{program} {' '.join(args)} ended with {done.returncode}:\n{done.stderr}")
    return done


def listed_version() -> str:
    """What tshark says of itself, whatever becomes of it afterwards."""
    return (run(["--version"], check=False).stdout.splitlines() or ["a tshark without a version"])[0]


@functools.lru_cache(maxsize=None)
def require_plugin() -> str:
    """The line of `tshark -G plugins` that names the plugin; NoPlugin if there is none."""
    try:
        listed = run(["-G", "plugins"], check=False)
    except FileNotFoundError as problem:
        raise NoPlugin("tshark is not installed; on Debian: apt-get install tshark") from problem
    lines = [line for line in listed.stdout.splitlines() if line.startswith(PLUGIN)]
    if listed.returncode < 0:
        raise NoPlugin(f"tshark dies of signal {-listed.returncode} when it loads {PLUGIN}:\n"
                       f"{listed.stderr}")
    if not lines:
        versions = [path.parent.parent.name for path in scratch().glob(f"plugins/*/epan/{PLUGIN}")]
        raise NoPlugin(
            f"tshark does not load {PLUGIN} (built for Wireshark {', '.join(versions)}; this is "
            f"{listed_version()}). Build it against the installed "
            f"Wireshark, or run another tshark. What it said:\n{listed.stderr}")
    return lines[0]


@functools.lru_cache(maxsize=None)
def registered() -> frozenset[str]:
    """The names of all fields and protocols that tshark knows."""
    names = set()
    for line in run(["-G", "fields"]).stdout.splitlines():
        parts = line.split("\t")
        if parts[0] in ("F", "P"):
            names.add(parts[2])
    return frozenset(names)


def _prefs(prefs: dict[str, object]) -> list[str]:
    return [arg for name, value in prefs.items() for arg in ("-o", f"{name}:{value}")]


def _base(capture: os.PathLike[str] | str, display_filter: str | None, two_pass: bool,
          prefs: dict[str, object] | None, args: Iterable[str]) -> list[str]:
    return [*(["-2"] if two_pass else []), *(["-Y", display_filter] if display_filter else []),
            *_prefs(prefs or {}), "-n", "-r", str(readable(capture)), *args]


def fields(capture: os.PathLike[str] | str, names: Sequence[str], display_filter: str | None = None,
           two_pass: bool = False, prefs: dict[str, object] | None = None,
           args: Iterable[str] = ()) -> list[dict[str, list[str]]]:
    """One dict per frame that passes the filter: field -> its values in tree
    order.  frame.number is always there, as an int under "frame"."""
    wanted = ["frame.number", *names]
    done = run([*_base(capture, display_filter, two_pass, prefs, args), "-T", "fields",
                "-E", f"separator={_SEPARATOR}", "-E", f"aggregator={_AGGREGATOR}",
                "-E", "occurrence=a", *(arg for name in wanted for arg in ("-e", name))])
    rows = []
    for line in done.stdout.split("\n"):
        if not line:
            continue
        columns = line.split(_SEPARATOR)
        assert len(columns) == len(wanted), line
        values = [column.split(_AGGREGATOR) if column else [] for column in columns]
        rows.append({"frame": int(columns[0]), **dict(zip(names, values[1:]))})
    return rows


def text(capture: os.PathLike[str] | str, display_filter: str | None = None, two_pass: bool = False,
         prefs: dict[str, object] | None = None, args: Iterable[str] = ("-V",)) -> str:
    """What tshark prints: the packet details, or with args=() the packet list."""
    return run([*_base(capture, display_filter, two_pass, prefs, ()), *args]).stdout


def tree(capture: os.PathLike[str] | str, display_filter: str | None = None, two_pass: bool = False,
         prefs: dict[str, object] | None = None) -> list[dict]:
    """The trees of `-T json --no-duplicate-keys`, one a frame."""
    done = run([*_base(capture, display_filter, two_pass, prefs, ()), "-T", "json",
                "--no-duplicate-keys"])
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def pdml(capture: os.PathLike[str] | str, display_filter: str | None = None, two_pass: bool = False,
         prefs: dict[str, object] | None = None) -> list[xml.etree.ElementTree.Element]:
    """The <packet> elements: the whole tree with positions and lengths."""
    done = run([*_base(capture, display_filter, two_pass, prefs, ()), "-T", "pdml"])
    return list(xml.etree.ElementTree.fromstring(done.stdout.encode()).iter("packet"))


class Sharkd:
    """sharkd on one capture: dissects any frame again, in any order."""

    def __init__(self, capture: os.PathLike[str] | str):
        self.process = subprocess.Popen(
            ["sharkd", "-"], cwd=scratch() / "home", env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            errors="replace", **identity())
        self.serial = 0
        self.ask("load", file=str(readable(capture)))

    def ask(self, method: str, **params: object) -> object:
        """One request; sharkd 4.0 answers in one line of JSON."""
        self.serial += 1
        request = {"jsonrpc": "2.0", "id": self.serial, "method": method}
        if params:
            request["params"] = params
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"sharkd ended with {self.process.wait(timeout=30)} when it was asked {request}")
            if not line.startswith("{"):
                continue
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"sharkd refuses {request}: {answer['error']}")
            return answer["result"]

    def frame(self, number: int) -> object:
        """The tree and the columns of a frame."""
        return self.ask("frame", frame=number, proto=True, columns=True)

    def __enter__(self) -> "Sharkd":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.terminate()
        self.process.wait(timeout=30)
