# SPDX-License-Identifier: GPL-2.0-or-later
"""`oxcnotif report`: what the page says, that it says it safely, and how it works in a browser."""

from __future__ import annotations

import html
import json
import pathlib
import random
import re

import pytest

import browser
import lab
import tshark as tools
from command import CAPTURES, events_of, one_sentence, run, stub_tshark


def page_of(folder: pathlib.Path, *inputs: object) -> str:
    output = folder / "report.html"
    done = run("report", *inputs, "-o", output)
    assert done.returncode == 0, done.stderr
    output.chmod(0o644)
    return output.read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a person reads."""
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def headline(page: str) -> str:
    return text_of(re.search(r"<h1.*?</h1>", page, flags=re.S)[0])


def event(name: str, frame: int, /, **members: object) -> dict[str, object]:
    return {"version": 1, "event": name, "frame": frame, "time": 1000.0 + frame, **members}


def written(folder: pathlib.Path, *lines: dict[str, object]) -> pathlib.Path:
    path = folder / "made.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def session(number: int = 1, user: str = "Anna", **members: object) -> dict[str, object]:
    return event("session", number, session=number, user=user, encrypted=False, **members)


def wait(frame: int, outcome: str, waited: float, **members: object) -> dict[str, object]:
    return event("wakeup", frame, session=1, method=3, method_text="NotificationWait", outcome=outcome,
                 wait_in=frame - 1, waited=waited, **members)


def capture(frames: int = 1000, **members: int) -> dict[str, object]:
    counts = dict.fromkeys(("cut_short", "tls_connections", "tls_undecrypted", "exchange_connections", "one_direction"), 0)
    return {"version": 1, "event": "capture", "frames": frames, "first": 1000.0, "last": 2000.0, **counts, **members}


def test_first_sentence_names_the_cut_offs(tshark, tmp_path: pathlib.Path):
    """How many, after how long, by whom: mapihttp-cut.md."""
    cut = [wakeup for wakeup in lab.truth("mapihttp-cut")["wakeups"] if wakeup["outcome_name"] == "cut off"]
    page = page_of(tmp_path, CAPTURES / "mapihttp-cut.pcapng")
    said = headline(page)
    assert said.startswith(f"Anna Lab's long poll (session 1) was cut off {len(cut)} times: 4 times by the server's side after 5.06 s to 300 s")
    assert "twice by a gateway's own response (HTTP statuses 502 and 504) after 30 s to 60 s" in said
    assert "once by the client after 20.2 s" in said
    first = re.search(r'<li class="finding fault">.*?</li>\s*<li class="finding', page, flags=re.S)[0]
    assert f"Frames {', '.join(str(wakeup['frame']) for wakeup in cut)} " in text_of(first)
    assert 'data-copy="oxcnotif.wait.cut_off"' in first


def test_equal_cuts_by_one_side_are_one_clause(tmp_path: pathlib.Path):
    lines = [wait(frame, "cut_off", 60.0 + frame / 1000, closed_by="server") for frame in (10, 100, 200)]
    mail = event("notification", 255, session=1, type="NewMail", folder="Inbox", subscription_in=2)
    page = page_of(tmp_path, written(tmp_path, session(), *lines, mail))
    assert headline(page) == ("Anna's long poll (session 1) was cut off 3 times after 60 s by the server's side; "
                              "1 new mail was seen up to 55 s late.")
    woken = wait(240, "pending", 10.0, followup="followed", followup_in=250)
    page = page_of(tmp_path, written(tmp_path, session(), *lines, woken, mail))
    assert "late" not in headline(page)


def test_worst_comes_first(tmp_path: pathlib.Path):
    lines = [
        event("diagnosis", 3, name="rop.deviation", severity="Warning", group="Protocol", text="A deviation"),
        event("diagnosis", 4, name="rop.failed", severity="Note", group="Response", text="A ROP failed"),
        wait(20, "refused", 0.1), wait(30, "pending", 1.0, followup="missed"), wait(40, "abandoned", 400.0),
    ]
    page = page_of(tmp_path, written(tmp_path, session(end="lost", ended_in=50), *lines))
    levels = re.findall(r'<li class="finding (\w+)">', page)
    assert levels == ["fault", "fault", "fault", "warning", "warning", "note"]
    order = ("never followed", "got no answer and no end", "lost: the server does not know", "was refused once", "A deviation", "A ROP failed")
    places = [text_of(page).index(part) for part in order]
    assert places == sorted(places)


def test_clean_capture_says_so_and_what_was_looked_for(tmp_path: pathlib.Path):
    lines = [capture(exchange_connections=2), session(), wait(10, "timeout", 300.0), wait(20, "pending", 3.0, followup="followed", followup_in=21),
             event("followup", 21, session=1, wakeup_in=20, latency=0.1, attempts=0, match=1, confidence=100, notifications=1)]
    page = page_of(tmp_path, written(tmp_path, *lines))
    assert headline(page) == "No fault found."
    assert "Waits cut off 0 of 2 waits" in text_of(page) and "Fetches late 0 of 1 fetch" in text_of(page)
    page = page_of(tmp_path, written(tmp_path, *lines[1:], capture(exchange_connections=2, cut_short=3)))
    assert headline(page) == "No fault found in what the capture shows."


@pytest.mark.parametrize("facts,parts", [
    ({"tls_connections": 9, "tls_undecrypted": 4}, ["4 of 9 TLS connections could not be decrypted", "--key-log"]),
    ({"cut_short": 12}, ["12 frames were captured in part (snaplen)", "-s 0"]),
    ({"exchange_connections": 5, "one_direction": 2}, ["2 of 5 Exchange connections show packets of one direction"]),
])
def test_gaps_of_the_capture(tmp_path: pathlib.Path, facts: dict[str, int], parts: list[str]):
    text = text_of(page_of(tmp_path, written(tmp_path, session(), capture(**facts))))
    assert all(part in text for part in parts)


def test_capture_that_ends_in_a_packet_is_reported(tshark, tmp_path: pathlib.Path):
    whole = (CAPTURES / "push.pcapng").read_bytes()
    (tmp_path / "cut.pcapng").write_bytes(whole[: len(whole) // 2])
    assert "The file ends in the middle of a packet." in text_of(page_of(tmp_path, tmp_path / "cut.pcapng"))


def test_gaps_of_bundled_captures(tshark, tmp_path: pathlib.Path):
    assert "Sessions or connections began before the capture." in text_of(page_of(tmp_path, events_of("rpc-late")))
    assert "The stubs of its RPC calls are encrypted." in text_of(page_of(tmp_path, events_of("rpc-ntlm-privacy")))


def test_keys_are_given_to_tshark(tshark, tmp_path: pathlib.Path):
    keys = lab.preferences("rpc-ntlm-privacy")
    assert keys[0] == "-o"
    page = page_of(tmp_path, CAPTURES / "rpc-ntlm-privacy.pcapng", "--preference", keys[1])
    assert "encrypted" not in text_of(page).replace("What was looked for", "")
    assert f"{len(lab.truth('rpc-ntlm-privacy')['notifications'])} notifications" in text_of(page)


def test_sessions_and_subscriptions_are_those_of_the_capture(tshark, tmp_path: pathlib.Path):
    """gromox-mapihttp-notify: four sessions of Alice and Bob; the whole store and the inbox of each watcher are subscribed."""
    text = text_of(page_of(tmp_path, events_of("gromox-mapihttp-notify")))
    assert "4 sessions, 6 subscriptions, 34 waits, 366 notifications" in text
    assert "Alice Lab (session 1) 0 46 whole store" in text and "NewMail Inbox 2 2" in text


def test_text_for_a_terminal(tshark, tmp_path: pathlib.Path):
    """The same findings as on the page; nothing in it moves the cursor."""
    done = run("report", events_of("mapihttp-cut"))
    assert done.returncode == 0
    assert done.stdout.startswith("Fault    Anna Lab's long poll (session 1) was cut off 7 times")
    assert "frames 95, 121, 127, 139, 149, 158, 169; filter: oxcnotif.wait.cut_off" in done.stdout
    lines = [session(user="\x1b[2J"), event("diagnosis", 3, name="rop.\x1b[2J", severity="Warning", group="Protocol", text="\x1b[2J\n")]
    assert "\x1b" not in run("report", written(tmp_path, *lines)).stdout


def test_several_captures_are_told_apart(tshark, tmp_path: pathlib.Path):
    page = page_of(tmp_path, events_of("mapihttp-cut"), events_of("push"))
    assert headline(page).startswith("Anna Lab's long poll (session 1) was cut off 7 times")
    assert '<span class="where">push.jsonl</span>' in page and '<span class="where">mapihttp-cut.jsonl</span>' in page


EVIL = '<script>window.broken=1</script><img src=x onerror="window.broken=1">"\'&{{ 7*7 }}'


def evil(folder: pathlib.Path) -> pathlib.Path:
    return written(
        folder, session(user=EVIL, client=EVIL, server=EVIL), wait(10, "cut_off", 60.0, closed_by=EVIL),
        {**wait(20, EVIL, 60.0), "method_text": EVIL, "followup": EVIL},
        event("notification", 30, session=1, type=EVIL, folder=EVIL, folder_id=EVIL),
        event("subscription", 5, session=1, opened_in=4, logon_id=1, handle=1, types=2, whole_store=False, folder_id=EVIL, types_text=EVIL),
        event("diagnosis", 40, name=EVIL, severity="Warning", group=EVIL, text=EVIL), event("table", 2, session=1, logon_id=0, handle=1, notifications=1, kind=EVIL),
    )


def test_text_of_a_capture_is_never_markup(tmp_path: pathlib.Path):
    page = page_of(tmp_path, evil(tmp_path))
    assert "<script>window" not in page and "<img" not in page and "49" not in re.sub(r"#\w+|\d{3,}", "", headline(page))
    assert page.count("<script>") == 1


def test_odd_events_are_reported_or_refused(tmp_path: pathlib.Path):
    """Values of the right type that make no sense: never a traceback (command.run lets it through)."""
    chance = random.Random(18)
    schema = json.loads((tools.REPOSITORY / "docs" / "events.schema.json").read_text(encoding="utf-8"))

    def value(member: dict[str, object]) -> object:
        if "const" in member:
            return member["const"]
        odd = {"integer": [0, 1, 2, 3, -1, 2**32, 2**63], "number": [0, -1.5, 1e-9, 1.7e9, 1e18], "boolean": [True, False]}
        if 1 in member.get("enum", []):
            return chance.choice(member["enum"])
        texts = [*member.get("enum", []), "", " ", "x" * 3000, "/o=a/cn=", "NewMail", "cut_off", "TableModified, ,", "\ud800", EVIL]
        return chance.choice(odd.get(str(member.get("type")), texts))

    for round_ in range(12):
        lines = []
        for _ in range(40):
            kind = chance.choice(schema["oneOf"])
            lines.append({name: value(member) for name, member in kind["properties"].items()
                          if name in kind["required"] or chance.random() < 0.8})
        path = tmp_path / "odd.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        for words in (["report", path], ["report", path, "-o", tmp_path / "r.html"], ["check", path]):
            done = run(*words)
            assert done.returncode in (0, 1), (round_, done.stderr)
    for number in ("NaN", "Infinity", "1e999", "9" * 5000):
        path.write_text('{"version":1,"event":"capture","frames":1,"first":%s}\n' % number)
        assert run("report", path).returncode == 3


def test_capture_without_exchange_among_others_is_named(tmp_path: pathlib.Path):
    (tmp_path / "other").mkdir()
    paths = [written(tmp_path, session(), capture(exchange_connections=1)), written(tmp_path / "other", capture())]
    text = text_of(page_of(tmp_path, *paths))
    assert "made.jsonl (2) holds no Exchange traffic" in text and "made.jsonl (1) holds no" not in text
    assert headline((tmp_path / "report.html").read_text(encoding="utf-8")) == "No fault found in what the capture shows."


def test_what_a_proxy_adds_is_told(tmp_path: pathlib.Path):
    text = run("report", written(tmp_path, session(proxied_answers=4, proxy_added=2.0))).stdout
    assert "4 answers of Anna (session 1) were captured on both sides of a proxy, which added 500 ms to each on average." in " ".join(text.split())


def test_files_of_one_name_are_told_apart(tmp_path: pathlib.Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [written(tmp_path / folder, session(), wait(10, "cut_off", 60.0, closed_by="server")) for folder in "ab"]
    text = text_of(page_of(tmp_path, *paths))
    assert "made.jsonl (1)" in text and "made.jsonl (2)" in text


def test_progress_on_a_long_capture(tshark, monkeypatch, tmp_path: pathlib.Path):
    events = events_of("push")
    events.chmod(0o644)
    stub_tshark(monkeypatch, f"sleep 2.5; cat {events}")
    done = run("report", CAPTURES / "push.pcapng", "--progress", "-o", tmp_path / "r.html")
    assert done.returncode == 0 and re.fullmatch(r"(oxcnotif: push\.pcapng: \d+ %\n)+", done.stderr), done.stderr
    assert run("report", events, "--progress").stderr == ""


def test_frames_of_merged_files_are_named_by_file(tmp_path: pathlib.Path):
    """`oxcnotif fleet` adds file and frame to each event of the merged capture."""
    cuts = [{**wait(frame, "cut_off", 60.0, closed_by="server"), "file": file, "file_frame": number}
            for frame, file, number in ((10, "a.pcapng", 7), (20, "b<i>.pcapng", 3), (30, "a.pcapng", 9))]
    path = written(tmp_path, session(), *cuts)
    text = run("report", path).stdout
    assert "a.pcapng: frame.number in {7, 9}" in text and "b<i>.pcapng: frame.number == 3" in text
    page = page_of(tmp_path, path)
    assert 'data-copy="frame.number in {7, 9}"' in page and "b&lt;i&gt;.pcapng" in page and "b<i>" not in page


def test_page_is_whole_or_not_there(tshark, monkeypatch, tmp_path: pathlib.Path):
    folder = tmp_path / "out"
    folder.mkdir()
    stub_tshark(monkeypatch, "kill -SEGV $$")
    one_sentence(run("report", CAPTURES / "push.pcapng", "-o", folder / "r.html"), 4, "SIGSEGV")
    monkeypatch.undo()
    one_sentence(run("report", folder / "none.pcapng", "-o", folder / "r.html"), 3, "cannot be read")
    one_sentence(run("report", events_of("push"), "-o", folder / "no" / "r.html"), 5, "cannot be written")
    assert list(folder.iterdir()) == []


def test_full_disk_leaves_nothing(tshark, monkeypatch, tmp_path: pathlib.Path):
    """The limit on the size of files stands for a disk that is full: writing fails in the middle."""
    import resource
    import signal

    (tmp_path / "r.html").write_text("the page of yesterday")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        done = run("report", events_of("push"), "-o", tmp_path / "r.html")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    one_sentence(done, 5, "cannot be written", "File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert (tmp_path / "r.html").read_text() == "the page of yesterday"


def test_trace_is_read_directly(tshark, tmp_path: pathlib.Path):
    import http_traces

    http_traces.write_saz(http_traces.exchanges(CAPTURES / "gromox-mapihttp-wait-timeout.pcapng"), tmp_path / "trace.saz")
    text = text_of(page_of(tmp_path, tmp_path / "trace.saz"))
    assert "2 waits, 2 notifications" in text and "It is a trace of a proxy" in text


# ---- in a browser ----

@pytest.fixture(scope="module")
def tab():
    if not browser.PROGRAM:
        pytest.skip("no chromium")
    opened = browser.Browser()
    yield opened
    opened.close()


def shown(folder: pathlib.Path, *inputs: object) -> pathlib.Path:
    page = page_of(folder, *inputs)
    target = tools.folder() / "report.html"
    target.write_text(page, encoding="utf-8")
    target.chmod(0o644)
    return target


CONTRAST = """(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const back = element => { for (; element; element = element.parentElement) {
    const color = parts(getComputedStyle(element).backgroundColor); if (color.length < 4 || color[3] > 0) return color; } return [255, 255, 255]; };
  let worst = [99, ""];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) || !element.getClientRects().length) continue;
    const a = light(parts(getComputedStyle(element).color)), b = light(back(element));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 200)];
  }
  return worst; })()"""


def test_page_in_light_dark_and_print(tshark, tab, tmp_path: pathlib.Path):
    tab.open(shown(tmp_path, events_of("mapihttp-cut")))
    assert tab.faults() == []
    backs = []
    for scheme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        backs.append(tab.run("getComputedStyle(document.body).backgroundColor"))
        ratio, where = tab.run(CONTRAST)
        assert ratio >= 4.5, (scheme, ratio, where)
    assert backs[0] != backs[1]
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run("[...document.querySelectorAll('button')].every(b => !b.getClientRects().length || b.closest('th'))")
    assert len(tab.call("Page.printToPDF")["data"]) > 10_000
    tab.call("Emulation.setEmulatedMedia", media="", features=[])
    for width in (1280, 400):
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        assert tab.run("document.documentElement.scrollWidth") <= width
    tab.call("Emulation.clearDeviceMetricsOverride")


def test_page_by_keyboard(tshark, tab, tmp_path: pathlib.Path):
    tab.open(shown(tmp_path, events_of("gromox-mapihttp-notify")))
    view = "document.querySelector('.plot svg').getAttribute('viewBox').split(' ').map(Number)"
    tab.run("document.querySelector('.plot').focus()")
    whole = tab.run(view)
    tab.press("+")
    zoomed = tab.run(view)
    assert zoomed[2] == whole[2] / 2 and zoomed[0] == whole[2] / 4
    tab.press("ArrowRight")
    assert tab.run(view)[0] > zoomed[0]
    assert tab.run("document.querySelector('.axis span').textContent") not in ("", "0")
    tab.press("0")
    assert tab.run(view) == whole
    tab.press("Tab")
    assert tab.run("document.activeElement.tagName") == "SUMMARY"
    column = "[...document.querySelectorAll('#sessions tbody tr')].map(row => Number(row.cells[8].textContent))"
    tab.run("document.querySelectorAll('#sessions thead th button')[8].click()")
    values = tab.run(column)
    assert values == sorted(values, reverse=True) and len(set(values)) > 1
    tab.run("document.querySelectorAll('#sessions thead th button')[8].click()")
    assert tab.run(column) == sorted(values)
    assert tab.run("[...document.querySelectorAll('button')].every(button => (button.getAttribute('aria-label') || button.textContent).trim())")
    assert tab.faults() == []


def test_text_of_a_capture_runs_no_script(tab, tmp_path: pathlib.Path):
    tab.open(shown(tmp_path, evil(tmp_path)))
    assert tab.run("window.broken") is None
    assert tab.faults() == []


def many(folder: pathlib.Path, count: int, one_session: bool = False) -> pathlib.Path:
    """Events of 500 sessions over a day, or of one of them; a hundredth of the waits is cut off."""
    chance = random.Random(18)
    lines: list[dict[str, object]] = [capture(count * 10, exchange_connections=500)]
    for number in range(1, 501):
        lines.append(session(number, f"user{number}@example.org", client=f"198.51.100.{number % 250}", server="203.0.113.1"))
        lines.append(event("subscription", number * 10, session=number, opened_in=number * 10, logon_id=0, handle=5, types=2, whole_store=True, types_text="NewMail"))
    for frame in range(6000, 6000 + (count - 1001)):
        number = 1 if one_session else min(500, int(chance.expovariate(0.02)) + 1)
        place = {"session": number, "time": 1000.0 + (frame - 6000) * 86400 / count}
        kind = frame % 4
        if kind == 0:
            outcome = "cut_off" if chance.random() < 0.01 else "pending"
            more = {"closed_by": "server"} if outcome == "cut_off" else {"followup": "followed", "followup_in": frame + 1}
            lines.append({**wait(frame, outcome, chance.uniform(1, 300), **more), **place})
        elif kind == 1:
            lines.append({**event("followup", frame, wakeup_in=frame - 1, latency=chance.expovariate(5), attempts=0, match=1, confidence=100, notifications=2), **place})
        else:
            lines.append({**event("notification", frame, type=chance.choice(["NewMail", "ObjectCreated", "TableModified, TableRowAdded"]), folder=f"Folder {chance.randrange(40)}"), **place})
    lines[0]["last"] = 1000.0 + 86400
    return written(folder, *lines)


def test_hundred_thousand_events_stay_usable(tab, tmp_path: pathlib.Path):
    path = shown(tmp_path, many(tmp_path, 100_000))
    assert path.stat().st_size < 20_000_000
    assert tab.open(path) < 3
    assert tab.faults() == []
    before = tab.seconds()
    tab.run("document.querySelector('.plot').focus()")
    for _ in range(5):
        tab.press("+")
    tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert tab.seconds() - before < 1
    assert "more sessions with less trouble are not shown" in text_of(path.read_text(encoding="utf-8"))


def test_cost_grows_with_the_number_of_events(tmp_path: pathlib.Path):
    """All events in one session: twice as many take about twice the time (four times, where each is compared with each)."""
    import time

    def cost(count: int) -> float:
        """Of several runs the least: other work makes processor time longer, too."""
        folder = tmp_path / str(count)
        folder.mkdir()
        path = many(folder, count, one_session=True)
        took = []
        for _ in range(3):
            begun = time.process_time()
            page_of(folder, path)
            took.append(time.process_time() - begun)
        return min(took)

    cost(1_100)
    small, large = cost(5_000), cost(20_000)
    assert large < 8 * small


def test_mailbox_and_session_that_hear_nothing_are_named(tmp_path: pathlib.Path):
    asked = [event("subscription", 5 + logon, session=1, opened_in=4 + logon, logon_id=logon, handle=5, types=2, whole_store=True) for logon in (0, 1)]
    mail = event("notification", 300, session=1, type="NewMail", logon_id=0, subscription_in=4)
    text = run("report", written(tmp_path, session(), *asked, mail)).stdout
    assert "No notification came for 1 further mailbox with subscriptions (logon 1 of Anna (session 1))" in text
    assert "Anna (session 1) subscribed, but no wait and no push datagram ended or came within 299 s" in text
    woken = wait(200, "pending", 10.0, followup="followed", followup_in=201)
    text = run("report", written(tmp_path, session(), *asked, mail, {**mail, "logon_id": 1}, woken)).stdout
    assert "further mailbox" not in text and "subscribed, but" not in text
