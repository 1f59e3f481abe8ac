"""A browser without windows that is told what to do by the DevTools protocol, over two pipes: no package needed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.setup import browser

__all__ = ["Page", "opened"]

_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    # Root has no sandbox; the pages are ours.
    "--no-sandbox",
)
#: Starts a program that reads what it is told from 3 and answers on 4.
_START = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page of a browser. What it logs or throws, and what it asks the network for, is kept."""

    def __init__(self, reads: int, writes: int) -> None:
        """Takes the ends of the pipes, and opens an empty page."""
        self._reads, self._writes = reads, writes
        self._rest = b""
        self._next = 0
        self._session = ""
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self._call(f"{domain}.enable")

    def size(self, width: int, height: int) -> None:
        """Sets the size of the window."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def colours(self, scheme: str, media: str = "") -> None:
        """Has the system prefer "light" or "dark"; `media` may be "print"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)

    def open(self, path: Path) -> None:
        """Opens a file and waits until its program has ended."""
        self.complaints.clear()
        self.requests.clear()
        self._call("Page.navigate", url=path.resolve().as_uri())
        while not self.run("location.href").startswith("file:"):
            pass
        # The report says when it is shown; where its program fails, it never does.
        ready = "document.documentElement.dataset.ready === ''"
        for _ in range(1000):
            if self.run(ready) or self.complaints:
                return
            self.run("new Promise(done => setTimeout(done, 10))")
        raise RuntimeError("the page does not show its report")

    def run(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Returns what JavaScript computes; RuntimeError where it throws."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def key(self, name: str, times: int = 1) -> None:
        """Presses a key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40, "End": 35, "Home": 36}
        text = {"text": "\r"} if name == "Enter" else {}
        for _ in range(times):
            code = {"key": name, "code": name, "windowsVirtualKeyCode": codes[name]}
            self._call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
            self._call("Input.dispatchKeyEvent", type="keyUp", **code)

    def type(self, text: str) -> None:
        """Types text into what has the focus."""
        self._call("Input.insertText", text=text)

    def point(self, selector: str) -> None:
        """Moves the mouse to the middle of an element."""
        at = self._middle(selector)
        self._call("Input.dispatchMouseEvent", type="mouseMoved", **at)

    def click(self, selector: str) -> None:
        """Clicks on the middle of an element."""
        at = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def _middle(self, selector: str) -> dict[str, float]:
        at = self.run(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element.scrollIntoView({{ block: "center", inline: "center", behavior: "instant" }});
              const box = element.getBoundingClientRect();
              return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
            }})()"""
        )
        return dict(at)

    def unnamed(self) -> list[str]:
        """Returns the roles of what can be focused or read and has no name, as assistive technology sees the page."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        wanted = {"button", "searchbox", "combobox", "slider", "radio", "option", "listbox", "region", "link"}
        return [
            node["role"]["value"]
            for node in nodes
            if not node.get("ignored") and node["role"]["value"] in wanted and not _name(node)
        ]

    def picture(self, path: Path) -> None:
        """Writes what the window shows, as PNG or WebP by the file's name."""
        kind = {"format": "webp", "quality": 85} if path.suffix == ".webp" else {"format": "png"}
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", **kind)["data"]))

    def print(self) -> bytes:
        """Returns the page as PDF."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=True)["data"])

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._next:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                return dict(heard["result"])
            self._note(heard)

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._reads, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(text))

    def _note(self, heard: dict[str, Any]) -> None:
        given = heard.get("params", {})
        match heard.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(given["exceptionDetails"]))
            case "Log.entryAdded":
                self.complaints.append(given["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(given["args"]))
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", "")).strip()


@contextmanager
def opened(folder: Path) -> Iterator[Page]:
    """Gives a page of a browser that keeps its files in a folder, and ends the browser."""
    program = browser.program()
    if program is None:
        raise RuntimeError("there is no browser: run `nox -s setup -- browser`")
    to_read, from_us = os.pipe()
    from_it, to_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(to_read), str(to_write), program, *_OPTIONS, f"--user-data-dir={folder}"],
        pass_fds=(to_read, to_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(to_write)
    try:
        yield Page(from_it, from_us)
    finally:
        process.terminate()
        process.wait(timeout=30)
        os.close(from_it)
        os.close(from_us)
