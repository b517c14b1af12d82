# SPDX-License-Identifier: GPL-2.0-or-later
"""A page in headless Chromium, over the pipe of its DevTools protocol: no driver, no port, no library."""

from __future__ import annotations

import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time
from typing import Any

import tshark as tools

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One tab. Requests for anything but files are counted, errors of scripts are kept."""

    def __init__(self) -> None:
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix="oxcnotif-chromium-"))
        self.profile.chmod(0o777)
        (to_read, self._out), (self._in, to_write) = os.pipe(), os.pipe()
        words = [
            str(PROGRAM), "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank",
        ]
        # The protocol's pipes are descriptors 3 and 4: the shell moves them there.
        move = ["/bin/bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", *words]
        self.process = subprocess.Popen(
            move, pass_fds=[to_read, to_write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.profile), "LANG": "C.UTF-8"}, cwd=self.profile, **tools.identity(),
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._serial, self.events = b"", 0, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")  # another process does not count

    def _message(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            if not data:
                raise AssertionError("Chromium does not answer")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        self._serial += 1
        request: dict[str, Any] = {"id": self._serial, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            request["sessionId"] = self._session
        os.write(self._out, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + 120
        while True:
            message = self._message(deadline)
            if message.get("id") == self._serial:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def open(self, path: pathlib.Path) -> float:
        """Loads a page; the seconds of processor time that the page took on its main thread."""
        self.events.clear()
        before = self.seconds()
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 120
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message(deadline))
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.seconds() - before

    def seconds(self) -> float:
        return next(m["value"] for m in self.call("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def faults(self) -> list[str]:
        """Errors of scripts, violations of the page's policy, and requests over the network."""
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(json.dumps(parameters))
            if event.get("method") == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(("file:", "data:")):
                found.append(parameters["request"]["url"])
        return found

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self.profile, ignore_errors=True)
