"""Chromium without a window, and what people do in it."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

from common import KEY, LIMIT, URL, Wrong, expect
from picture import smaller


class Browser:
    """A Chromium without a window, told what to do through pipes: messages in JSON, each ended by NUL."""

    FLAGS = [
        "--headless=new",
        "--remote-debugging-pipe",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--disable-features=OptimizationHints,MediaRouter,Translate",
        "--hide-scrollbars",
        "--no-first-run",
        "--no-default-browser-check",
        "--no-proxy-server",
        "--password-store=basic",
        # Nothing but the edge is to be reached.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]

    def __init__(self, directory):
        program = shutil.which("chromium")
        expect(program, "chromium is not installed")
        flags = self.FLAGS + [f"--user-data-dir={directory}/profile"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        from_us, self._out = os.pipe()
        self._in, to_us = os.pipe()
        # Above 3 and 4, so that neither is written over before it is used.
        from_us, to_us = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_us, to_us))

        def place():
            os.dup2(from_us, 3)
            os.dup2(to_us, 4)

        self._log = open(f"{directory}/chromium.log", "wb+")
        self._process = subprocess.Popen(
            [program, *flags, "about:blank"], pass_fds=(3, 4), preexec_fn=place, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, env={**os.environ, "HOME": directory})
        os.close(from_us)
        os.close(to_us)
        self._buffer = b""
        self._number = 0
        self._session = None
        self.faults = []
        self._start()

    def _start(self):
        target = None
        end = time.monotonic() + LIMIT
        while target is None:
            expect(time.monotonic() < end, "Chromium opens no page")
            pages = [one for one in self.send("Target.getTargets")["targetInfos"] if one["type"] == "page"]
            target = pages[0]["targetId"] if pages else None
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.size(1280, 900)

    def close(self):
        with contextlib.suppress(Wrong, OSError):
            self._session = None
            self.send("Browser.close")
        for end in (self._in, self._out):
            os.close(end)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def send(self, method, **parameters):
        """Sends a command and waits for its result; what happens meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        octets = json.dumps(message).encode() + b"\0"
        try:
            while octets:
                octets = octets[os.write(self._out, octets):]
        except BrokenPipeError:
            raise Wrong(self._gone()) from None
        end = time.monotonic() + LIMIT
        while True:
            answer = self._receive(end, method)
            if answer.get("id") == self._number:
                expect("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]

    def _receive(self, end, waiting_for):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            expect(ready, f"Chromium does not answer: {waiting_for}")
            octets = os.read(self._in, 1 << 20)
            if not octets:
                raise Wrong(self._gone())
            self._buffer += octets
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        self._note(message)
        return message

    def _gone(self):
        self._log.seek(0)
        return "Chromium has ended: " + self._log.read()[-2000:].decode(errors="replace")

    def _note(self, message):
        match message.get("method"):
            case "Log.entryAdded":
                entry = message["params"]["entry"]
                if entry["level"] in ("error", "warning"):
                    self.faults.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
            case "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                thrown = details.get("exception", {})
                self.faults.append(f"exception: {thrown.get('description') or details['text']}")
            case "Runtime.consoleAPICalled":
                words = [one.get("value", one.get("description")) for one in message["params"]["args"]]
                self.faults.append(f"console: {words}")
            case "Audits.issueAdded":
                issue = message["params"]["issue"]
                if issue["code"] != "PerformanceIssue":
                    self.faults.append(f"issue: {json.dumps(issue)}")
            case "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((URL + "/", "data:")):
                    self.faults.append(f"asked somebody else: {url}")

    # What people do

    def js(self, expression):
        """What an expression is worth; `one(SELECTOR)`, `text(SELECTOR)` and `control(TEXT)` find what is shown."""
        prelude = """
            const one = (selector) => document.querySelector(selector);
            const all = (selector) => [...document.querySelectorAll(selector)];
            const text = (selector) => one(selector)?.innerText ?? '';
            const named = (name) => (element) =>
                (element.getAttribute('aria-label') ?? element.textContent).trim() === name;
            const control = (name) => {
                const place = one('dialog') ?? document;
                return [...place.querySelectorAll('button, a, summary')]
                    .find((element) => named(name)(element) && element.getClientRects().length);
            };
        """
        result = self.send(
            "Runtime.evaluate",
            expression=f"(async () => {{ {prelude}"
            f" const it = await ({expression}); return it instanceof Node || it; }})()",
            awaitPromise=True, returnByValue=True)
        fault = result.get("exceptionDetails")
        expect(not fault, f"{expression}: {fault and fault.get('exception', {}).get('description')}")
        return result["result"].get("value")

    def until(self, expression, what, limit=LIMIT):
        """Waits until an expression is true, and answers it."""
        end = time.monotonic() + limit
        while True:
            with contextlib.suppress(Wrong):
                value = self.js(expression)
                if value:
                    return value
            if time.monotonic() > end:
                shown = self.js("document.body.innerText.replace(/\\n+/g, ' | ').slice(0, 2500)")
                raise Wrong(f"not within {limit:g} s: {what}\n--- shown:\n{shown}\n--- log: {self.faults}")
            time.sleep(0.03)

    def size(self, width, height):
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def scheme(self, name):
        self.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def open(self, address=""):
        self.send("Page.navigate", url=f"{URL}/{address}")
        self.painted()

    def reload(self):
        self.send("Page.reload")
        self.painted()

    def painted(self):
        """Keys that come before the first frame are lost."""
        self.until("document.readyState === 'complete' && performance.getEntriesByType('paint').length", "it is drawn")

    def click(self, name):
        """Clicks a button or link by what it is called."""
        where = self.until(
            f"(() => {{ const it = control({json.dumps(name)}); if (!it || it.disabled) return null;"
            " it.scrollIntoView({block: 'center'}); const box = it.getBoundingClientRect();"
            " const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];"
            " return it.contains(document.elementFromPoint(x, y)) && {x, y}; })()",
            f"'{name}' can be clicked")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)

    def key(self, name, **more):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37}
        event = {"key": name, "code": name, "windowsVirtualKeyCode": codes[name], **more}
        self.send("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": "\r"} if name == "Enter" else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, name, text):
        """Writes into the field of that name."""
        self.until(
            f"(() => {{ const it = (one('dialog') ?? document).querySelector('[name={name}]');"
            " it?.focus(); it?.select?.(); return document.activeElement === it; })()", f"there is a field '{name}'")
        self.send("Input.insertText", text=text)

    def sign_in(self, key=KEY):
        self.until("one('.sign-in input')", "the key is asked for")
        self.write("key", key)
        self.key("Enter")

    def enter(self, address="#/now"):
        self.open(address)
        self.sign_in()
        self.settled()

    def settled(self):
        self.until(
            "!one('.sign-in') && !one('main').hasAttribute('aria-busy') && one('main h1') && !one('main h1').isOld",
            "the page is shown")

    def go(self, address):
        """Goes to another page of the console, as by a link."""
        self.js("one('main h1') && (one('main h1').isOld = true)")
        self.js(f"location.hash === {json.dumps(address)} ? dispatchEvent(new Event('hashchange'))"
                f" : location.hash = {json.dumps(address)}")
        self.settled()

    def picture(self, path, full=False):
        if full:
            height = min(1300, self.js("Math.ceil(document.documentElement.scrollHeight)"))
            width = self.js("innerWidth")
            self.size(width, max(900, height))
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        data = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        with open(path, "wb") as file:
            file.write(smaller(data))

    def accessible(self):
        """The roles and names that assistive programs are told."""
        for node in self.send("Accessibility.getFullAXTree")["nodes"]:
            if not node.get("ignored"):
                yield node.get("role", {}).get("value"), node.get("name", {}).get("value", "").strip()

    def check_log(self, allowed=()):
        faults = [fault for fault in self.faults if not any(part in fault for part in allowed)]
        expect(not faults, "the browser complains:\n" + "\n".join(faults))
