# SPDX-License-Identifier: MIT
"""A Chromium without a window, spoken to over a pipe by its DevTools protocol: JSON objects, each
with a NUL behind it. What its console says and what it asks the network for is kept."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("chromium-headless-shell", "chromium")
SECONDS = 120            # that an answer may take on a busy machine


class BrowserError(Exception):
    pass


def program():
    """The name of the browser that is installed, or "" and the reason to skip."""
    found = next((name for name in PROGRAMS if shutil.which(name)), "")
    return found, "" if found else (f"neither of {', '.join(PROGRAMS)} is installed:"
                                    " ./setup check-report installs one")


class Browser:
    def __init__(self, name):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.count, self.rest, self.session = 0, b"", None
        self.complaints, self.requests, self.events = [], [], []
        theirs_in, self.to = os.pipe()
        self.of, theirs_out = os.pipe()

        def as_three_and_four():
            for end, number in ((os.dup(theirs_in), 3), (os.dup(theirs_out), 4)):
                os.dup2(end, number)

        self.process = subprocess.Popen(
            [name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "about:blank"],
            pass_fds=(3, 4), preexec_fn=as_three_and_four, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self):
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in pages if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.of)
        self.profile.cleanup()

    def call(self, method, **parameters):
        """A method's result; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def receive(self):
        until = time.monotonic() + SECONDS
        while b"\0" not in self.rest:
            if not select.select([self.of], [], [], max(0, until - time.monotonic()))[0]:
                raise BrowserError(f"no answer within {SECONDS} s")
            piece = os.read(self.of, 1 << 20)
            if not piece:
                raise BrowserError("the browser has ended")
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def note(self, event):
        method, told = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(told))
        self.events.append(method)

    def open(self, url, width=1280, height=900, scheme="light", scale=1):
        """Load a page at that size, and wait until it is there."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self.events:
            self.note(self.receive())

    def value(self, expression):
        """What an expression of JavaScript is in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']['text']}")
        return answer["result"].get("value")

    def screenshot(self, path, clip=None, full=False):
        """A PNG of what is seen; of all the page; or of a clip (x, y, width, height)."""
        more = {}
        if full:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = (0, 0, size["width"], size["height"])
        if clip:
            more = {"clip": dict(zip(("x", "y", "width", "height"), clip), scale=1),
                    "captureBeyondViewport": True}
        data = self.call("Page.captureScreenshot", format="png", **more)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def pdf(self, path):
        """The page as it would be printed on A4."""
        data = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
