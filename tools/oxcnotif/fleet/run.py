# SPDX-License-Identifier: GPL-2.0-or-later
"""oxcnotif fleet: index, partition, decode, merge."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy

from .. import sources
from ..errors import Problem, Status, bad_input
from ..output import whole_file
from . import bulk, decode, links, merge, packets, plan
from .clients import Union
from .engine import Engine, Outcome, Task, engine

CAPTURES = (".pcap", ".pcapng", ".cap", ".dmp", ".ntar", ".snoop")
FORM = 2                # of what is in OUT/work
LEAST_FRAMES = 10_000   # of a part: tshark takes as long to start as for so many
PARTS = 2               # for each worker: the second is begun when the first is ready, which makes up for uneven ones
COMPRESSED = (".gz", ".zst", ".lz4")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    inputs: tuple[pathlib.Path, ...]
    output: pathlib.Path
    workers: int
    scheduler: str | None
    memory: int                 # megabytes of a worker
    most_frames: int            # of a part
    tool: decode.Tool
    report: bool = True
    bulk: str | None = None     # index of OpenSearch


def captures(inputs: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """The capture files of folders, in the order of their names, and files as they are."""
    found: list[pathlib.Path] = []
    for given in inputs:
        if given.is_dir():
            found += sorted(path for path in given.rglob("*") if path.is_file() and not path.name.startswith(".")
                            and (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix in CAPTURES)
        elif given.exists():
            found.append(given)
        else:
            raise bad_input(f"{given} does not exist")
    found = list(dict.fromkeys(path.resolve() for path in found))
    if not found:
        raise bad_input(f"no capture file in {', '.join(map(str, inputs))}")
    return found


class Progress:
    """What is done, on the standard error output: at a terminal in one line."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.shown = 0.0
        self.one_line = sys.stderr.isatty()

    def start(self) -> None:
        self.began = time.monotonic()

    def show(self, what: str, done: int, total: int, share: float, more: str = "", last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self.shown < (0.5 if self.one_line else 10):
            return
        self.shown = now
        left = (now - self.began) * (1 - share) / share if 0 < share < 1 else 0
        text = f"{what} {done} of {total}{more}" + (f", about {left:.0f} s left" if left >= 1 else "")
        print(f"\r{text:<78}" if self.one_line else text, end="\n" if last or not self.one_line else "", file=sys.stderr,
              flush=True)


class Fleet:
    """One run. Everything that took time is kept in OUT/work, where the next run of the same finds it."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.files = captures(wanted.inputs)
        self.work = wanted.output / "work"
        self.progress = Progress()
        self.failed: list[dict[str, Any]] = []
        self.reasons: dict[str, int] = {}
        self.costs: dict[str, dict[str, float]] = {}
        self.frames_decoded = 0

    def prepare(self) -> None:
        """The output folder, which holds nothing or an earlier run over the same files."""
        facts: dict[str, Any] = {
            "form": FORM, "files": [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self.files],
            "options": list(self.wanted.tool.options), "one_pass": self.wanted.tool.one_pass}
        facts = json.loads(json.dumps(facts))
        state = self.work / "state.json"
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            if state.exists() and json.loads(state.read_text()) != facts:
                raise Problem(Status.NO_OUTPUT, f"{self.wanted.output} holds a run over other files or with other options: "
                                                "name another folder or remove it")
            with whole_file(state) as stream:
                stream.write(json.dumps(facts, indent=1).encode())
            for name in ("index", "flows", "parts", "dask"):
                (self.work / name).mkdir(exist_ok=True)
        except OSError as error:
            raise Problem(Status.NO_OUTPUT, f"{self.wanted.output} cannot be written: {error.strerror}") from error

    def _names(self) -> list[str]:
        """Files as events name them: the name, or the path where names are not unique."""
        names = [path.name for path in self.files]
        return [str(path) if names.count(path.name) > 1 else path.name for path in self.files]

    def index(self, workers: Engine) -> list[packets.Index]:
        paths = [self.work / "index" / f"{number:05}.npz" for number in range(len(self.files))]
        tasks = [Task(str(number), decode.index_file, (self.wanted.tool, str(file), str(path)), file.stat().st_size)
                 for number, (file, path) in enumerate(zip(self.files, paths)) if not path.exists()]
        done, total = 0, sum(task.weight for task in tasks) or 1
        self.progress.start()
        for outcome in workers.run(tasks):
            if outcome.error:
                self.failed.append({"step": "index", "files": [str(self.files[int(outcome.task.name)])],
                                    "reason": outcome.error})
            done += outcome.task.weight
            self.progress.show("files", len(self.files), len(self.files), done / total)
        present = [number for number, path in enumerate(paths) if path.exists()]
        self.progress.show("files", len(present), len(self.files), 1, last=True)
        if not present:
            raise bad_input("no file can be read: " + "; ".join(str(one["reason"]) for one in self.failed))
        self.names = [self._names()[number] for number in present]
        self.index_paths = [str(paths[number]) for number in present]
        return [packets.load(path) for path in self.index_paths]

    # ---- parts ----

    def _write_flows(self, traffic: plan.Traffic, part_of_unit: numpy.ndarray, turn: int) -> tuple[str, ...]:
        """For each file the part of each flow."""
        result = []
        for number, units in enumerate(traffic.flow_units):
            path = self.work / "flows" / f"{turn}-{number:05}.npy"
            parts = numpy.where(units >= 0, part_of_unit[units], decode.NO_PART).astype(numpy.int32)
            with whole_file(path) as stream:
                numpy.save(stream, parts)
            result.append(str(path))
        return tuple(result)

    def _decode(self, workers: Engine, traffic: plan.Traffic, groups: Sequence[plan.Group], first: int,
                turn: int) -> list[tuple[int, plan.Group, pathlib.Path]]:
        part_of_unit = numpy.full(len(traffic.frames), decode.NO_PART, dtype=numpy.int32)
        for number, group in enumerate(groups, first):
            part_of_unit[list(group.units)] = number
        flows = self._write_flows(traffic, part_of_unit, turn)
        targets = [self.work / "parts" / f"{group.name}.events" for group in groups]
        tasks = [Task(str(number), decode.decode_part,
                      (self.wanted.tool, decode.Part(first + number, tuple(self.index_paths), self.places, flows,
                                                     traffic.until, str(target))), group.frames)
                 for number, (group, target) in enumerate(zip(groups, targets)) if not target.exists()]
        events, done, total = 0, 0, sum(task.weight for task in tasks) or 1
        count = len(groups) - len(tasks)
        self.progress.start()
        for outcome in workers.run(tasks):
            done += outcome.task.weight
            count += 1
            if outcome.error:
                self._fail(groups[int(outcome.task.name)], traffic, outcome)
            else:
                self.frames_decoded += outcome.value[0]
                events += outcome.value[1]
            self.progress.show("parts", count, len(groups), done / total, f", {events} events")
        self.progress.show("parts", count, len(groups), 1, f", {events} events", last=True)
        return [(number, group, target) for number, (group, target) in enumerate(zip(groups, targets), first)
                if target.exists()]

    def _fail(self, group: plan.Group, traffic: plan.Traffic, outcome: Outcome) -> None:
        wanted = numpy.zeros(len(traffic.frames) + 1, dtype=bool)
        wanted[list(group.units)] = True
        files = [name for name, units in zip(self.names, traffic.flow_units) if wanted[units].any()]
        addresses = [plan.headers.text(traffic.clients.addresses[unit]) for unit in group.units]
        self.failed.append({"step": "decode", "files": files, "clients": addresses, "frames": group.frames,
                            "reason": outcome.error})

    def decode(self, workers: Engine, traffic: plan.Traffic) -> tuple[list[merge.Decoded], numpy.ndarray, Union]:
        """Decodes parts; where their keys show that two belong together, these again as one, until no key does."""
        union = Union()
        for _ in traffic.frames:
            union.add()
        for one, other in traffic.clients.joined:
            union.join(one, other)
        owner = numpy.full(len(traffic.frames) + 1, decode.NO_PART, dtype=numpy.int32)     # the last one: of NOBODY
        decoded: list[merge.Decoded] = []
        todo = plan.components(union, range(len(traffic.frames)))
        turn = count = 0
        while todo:
            frames = sum(traffic.frames[unit] for part in todo for unit in part)
            groups = plan.groups(todo, traffic.frames, self._count(frames, workers.count(), bool(turn)), self.wanted.most_frames,
                                 traffic.clients.near)
            for number, group, path in self._decode(workers, traffic, groups, count, turn):
                owner[list(group.units)] = number
                decoded.append(merge.read_links(number, path, traffic.unit))
            for group_number, group in enumerate(groups, count):
                lost = numpy.array(group.units)
                owner[lost[owner[lost] != group_number]] = decode.NO_PART
            count += len(groups)
            turn += 1
            found = [link for part in decoded for link in part.links if owner[link.unit] == part.number]
            for kind, number in links.join(found, union, traffic.address).items():
                self.reasons[kind] = self.reasons.get(kind, 0) + number
            todo = [part for part in plan.components(union, range(len(traffic.frames)))
                    if len({int(owner[unit]) for unit in part if traffic.frames[unit]}) > 1]
            todo = [part for part in todo if not self._is_lost(part, owner, traffic)]
        return decoded, owner, union

    def _count(self, frames: int, workers: int, again: bool) -> int:
        """Of parts for so many frames: as many for each worker, and few, as each tshark takes time to start."""
        count = min(PARTS * workers, frames // LEAST_FRAMES)
        if again and count < workers:
            return max(1, count)
        return -(-max(count, -(-frames // self.wanted.most_frames)) // workers) * workers

    def _is_lost(self, part: Sequence[int], owner: numpy.ndarray, traffic: plan.Traffic) -> bool:
        """Some of it was in a part that failed: to decode the rest alone would be wrong."""
        return any(owner[unit] == decode.NO_PART for unit in part if traffic.frames[unit])

    # ---- all together ----

    def _check_tool(self) -> None:
        try:
            if not self.wanted.tool.has_plugin():
                raise Problem(Status.NO_PLUGIN, "this tshark has no plugin oxcnotif: build it (scripts/setup) or install it")
        except OSError as error:
            raise Problem(Status.NO_PLUGIN, f"{self.wanted.tool.tshark} cannot be started: {error.strerror}") from error

    def run(self) -> Status:
        self.prepare()
        with contextlib.ExitStack() as stack:
            with self._step("start"), concurrent.futures.ThreadPoolExecutor(1) as beside:
                checked = beside.submit(self._check_tool)
                workers = stack.enter_context(engine(self.wanted.workers, self.wanted.scheduler, self.wanted.memory << 20,
                                                     self.work / "dask"))
                checked.result()
            with self._step("index", workers):
                indexes = self.index(workers)
            with self._step("partition"):
                traffic = plan.traffic(indexes)
                cut = [name for name, index in zip(self.names, indexes) if index.cut_short]
                del indexes
                self._write_places(traffic)
            with self._step("decode", workers):
                decoded, owner, union = self.decode(workers, traffic)
            with self._step("merge", workers):
                counts = self._merge(workers, traffic, decoded, owner)
        if self.wanted.bulk:
            with (self._step("bulk"), open(self.wanted.output / "events.jsonl", "rb") as found,
                  whole_file(self.wanted.output / "events.bulk.ndjson") as stream):
                bulk.write(found, self.wanted.bulk, stream)
        if self.wanted.report:
            with self._step("report"):
                self._report()
        self._summarize(traffic, counts, union, cut)
        return Status.NO_PLUGIN if self.failed else Status.OK

    @contextlib.contextmanager
    def _step(self, name: str, workers: Engine | None = None) -> Iterator[None]:
        """Measures a step: seconds, and seconds of processor time here and on the workers, without what Dask takes."""
        began, used = time.monotonic(), time.thread_time()
        before = (workers.python, workers.tools) if workers else (0.0, 0.0)
        yield
        cost = {"seconds": time.monotonic() - began, "here": time.thread_time() - used}
        if workers:
            cost |= {"workers": workers.python - before[0], "tshark": workers.tools - before[1]}
        self.costs[name] = {what: round(value, 2) for what, value in cost.items()}

    def _merge(self, workers: Engine, traffic: plan.Traffic, decoded: Sequence[merge.Decoded],
               owner: numpy.ndarray) -> merge.Counts:
        owners = owner[traffic.unit]
        path = self.work / "flows" / "owners.npy"
        with whole_file(path) as stream:
            numpy.save(stream, owners)

        def owns(part: int, frame: int) -> bool:
            return bool(owners[frame - 1] == part)

        sessions = merge.session_numbers(decoded, owns)
        jobs = [merge.Finish(part.number, str(part.events), tuple(self.names), sessions.get(part.number, {}),
                             str(path), str(part.events.with_suffix(".final"))) for part in decoded]
        counts = merge.Counts()
        finished = set()
        for outcome in workers.run([Task(str(job.number), merge.finish, (job,)) for job in jobs]):
            if outcome.error:
                self.failed.append({"step": "merge", "files": [], "reason": outcome.error})
            else:
                counts.add(outcome.value)
                finished.add(int(outcome.task.name))
        with whole_file(self.wanted.output / "events.jsonl") as result:
            ready = [job for job in jobs if job.number in finished]
            if ready:
                merge.write(ready, result)
            result.write(merge.capture_line(decoded, owns, traffic.known))
        for job in jobs:
            for name in (job.result, f"{job.result}.npy"):
                pathlib.Path(name).unlink(missing_ok=True)
        return counts

    def _report(self) -> None:
        """The page of `oxcnotif report` on all of it."""
        try:
            from ..report import page
        except ImportError as error:
            print(f"oxcnotif: warning: no page without {error.name}: install python3-jinja2", file=sys.stderr)
            return
        log = sources.load(self.wanted.output / "events.jsonl", sources.Options())
        log.name = " ".join(str(path) for path in self.wanted.inputs)
        if log.empty:
            print(f"oxcnotif: warning: {sources.why_nothing(log)}", file=sys.stderr)
            return
        with whole_file(self.wanted.output / "report.html") as stream:
            stream.write(page.render([log]).text.encode())

    def _write_places(self, traffic: plan.Traffic) -> None:
        paths = []
        for number, places in enumerate(traffic.numbers):
            path = self.work / "flows" / f"places-{number:05}.npy"
            with whole_file(path) as stream:
                numpy.save(stream, places)
            paths.append(str(path))
        self.places = tuple(paths)

    def _summarize(self, traffic: plan.Traffic, counts: merge.Counts, union: Union, cut: list[str]) -> None:
        from . import summary

        facts = summary.facts(self.files, traffic, counts, union, self.reasons, self.failed, cut, self.frames_decoded,
                              self.costs)
        with whole_file(self.wanted.output / "summary.json") as stream:
            stream.write(json.dumps(facts, indent=1).encode() + b"\n")
        text = summary.table(facts)
        with whole_file(self.wanted.output / "summary.txt") as stream:
            stream.write(text.encode())
        print(text, end="")
