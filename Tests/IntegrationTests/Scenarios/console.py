"""Uses the web console as people do, in Debian's Chromium, and says what it saw.

    console.py SCENARIO [NAME=VALUE ...]
    console.py screenshots DIRECTORY [NAME=VALUE ...]

The console's address is in CONSOLE_URL, the key to sign in with in CONSOLE_KEY. Exits with 1, and says why, when
something is not as it should be. Python's standard library and the program `chromium` are all that it needs.
"""

import base64
import collections
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

LIMIT = float(os.environ.get("CONSOLE_LIMIT", "30"))
URL = os.environ.get("CONSOLE_URL", "http://127.0.0.1:3000")
KEY = os.environ.get("CONSOLE_KEY", "")

PAGES = {
    "now": "#/now",
    "calls": "#/calls?show=all",
    "allowlist": "#/access/allowlist",
    "bans": "#/access/bans",
    "experts": "#/access/experts",
    "subscribers": "#/access/subscribers",
    "keys": "#/access/keys",
    "test": "#/access/test",
    "certificates": "#/certificates",
    "witness": "#/witness",
    "health": "#/health",
}


class Wrong(Exception):
    """Something is not as it should be."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def say(text):
    print(text, flush=True)


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


def smaller(png):
    """The same picture with a palette: its most frequent 256 colors, and for others the nearest of these."""
    place, packed, head = 8, b"", b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place:place + 8])
        body = png[place + 8:place + 8 + length]
        head, packed = (body, packed) if kind == b"IHDR" else (head, packed + body if kind == b"IDAT" else packed)
        place += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", head[:10])
    size = {2: 3, 6: 4}[color]
    expect(depth == 8 and head[12] == 0, "a picture of another form")
    rows = unfiltered(zlib.decompress(packed), width * size, size)
    pixels = [[row[at:at + 3] for at in range(0, len(row), size)] for row in rows]
    frequent = [one for one, _ in collections.Counter(itertools.chain.from_iterable(pixels)).most_common()]
    palette = frequent[:256]
    index = {one: number for number, one in enumerate(palette)}
    for one in frequent[256:]:
        index[one] = min(range(len(palette)), key=lambda number: sum(
            (mine - its) ** 2 for mine, its in zip(one, palette[number])))
    packed = zlib.compress(b"".join(b"\0" + bytes(map(index.__getitem__, row)) for row in pixels), 9)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return (png[:8] + chunk(b"IHDR", head) + chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", packed)
            + chunk(b"IEND", b""))


def unfiltered(data, length, size):
    """A picture's rows without what PNG (section 9) writes in place of their octets."""
    above = bytes(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1:start + 1 + length])
        if kind == 2:
            row = bytearray((one + up) & 255 for one, up in zip(row, above))
        elif kind == 1:
            for place in range(size):
                row[place::size] = bytes(itertools.accumulate(row[place::size], lambda left, one: (left + one) & 255))
        elif kind:
            for place in range(length):
                left = row[place - size] if place >= size else 0
                if kind == 3:
                    row[place] = (row[place] + (left + above[place]) // 2) & 255
                    continue
                corner = above[place - size] if place >= size else 0
                guess = left + above[place] - corner
                best = min((left, above[place], corner), key=lambda one: abs(guess - one))
                row[place] = (row[place] + best) & 255
        above = bytes(row)
        yield above


# Scenarios

def sign_in(browser, arguments):
    """A wrong key is refused at its field, the right one opens the page that was asked for, and is kept nowhere."""
    browser.open("#/access/allowlist")
    browser.until("document.activeElement === one('.sign-in input')", "the field for the key has the focus")
    browser.key("Enter")
    browser.until("text('.sign-in .fault') === 'This is needed.'", "an empty key is told at the field")
    browser.sign_in("sp_00000000_wrong")
    browser.until("text('.sign-in .fault').includes('No such key')", "a wrong key is told at the field")
    expect(browser.js("one('.sign-in input').getAttribute('aria-invalid')") == "true", "the field is not marked")
    say("a wrong key: " + browser.js("text('.sign-in .fault')"))
    browser.sign_in()
    browser.settled()
    expect(browser.js("location.hash") == "#/access/allowlist", "another page was opened than the one asked for")
    say("signed in: " + browser.js("text('#who').replace('\\n', ', ')"))
    kept = browser.js(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href,"
        " document.body.outerHTML])")
    expect(KEY not in kept and "sallyport_session" not in kept, "the key or the session can be read by the page")
    browser.reload()
    browser.until("text('main h1') === 'Access'", "the session is still there after a reload")
    browser.click("Sign out")
    browser.until("one('.sign-in') && one('#rail').hidden", "signed out")
    browser.reload()
    browser.until("one('.sign-in input')", "the session is over after signing out")
    return ["status of 401"]


def now(browser, arguments):
    """What is up, what was refused by which layer, and an event that comes while it is looked at."""
    browser.enter()
    tile = "all('.tiles > div').find((it) => it.querySelector('dt').innerText.toLowerCase() === 'calls up')"
    calls = arguments["calls"]
    browser.until(f"{tile}?.querySelector('dd').innerText === '{calls}'", f"{calls} calls are up")
    say(f"calls up: {calls}")
    lane = "all('.lanes .lane-name').find((it) => it.firstChild?.textContent === NAME)"
    for name in ["Calls", *arguments["refusals"].split(",")]:
        number = browser.until(
            "(() => { const name = " + lane.replace("NAME", json.dumps(name)) + ";"
            " const number = Number(name?.nextElementSibling.nextElementSibling.innerText.replaceAll(',', ''));"
            " return number > 0 && name.nextElementSibling.querySelector('path').getAttribute('d') && number; })()",
            f"there are numbers and bars for {name}")
        say(f"{name}: {number}")
    source = arguments["source"]
    browser.until(
        f"all('#top-sources').length && all('.tabular th[scope=row] a').some((it) => it.innerText === '{source}')",
        f"{source} is among the top sources")
    browser.until("text('.stream') === 'Live'", "the events are live")
    awaited = arguments["awaited"]
    expect(not browser.js(f"text('.events').includes('{awaited}')"), f"{awaited} was there before it came")
    say("watching")
    browser.until(f"text('.events').includes('{awaited}')", f"an event of {awaited} comes by itself")
    times = browser.js("all('.events time').map((it) => it.dateTime)")
    expect(times == sorted(times, reverse=True), "the events are not in order")
    say(f"an event of {awaited} came")
    # The scrubber of the chart tells one minute's numbers, by keyboard.
    browser.js("one('.scrubber').focus()")
    browser.key("ArrowLeft")
    browser.until("one('.scrubber').getAttribute('aria-valuetext')?.includes('Calls ')", "the scrubber tells numbers")


def story(browser, arguments):
    """What each layer said to a call that was let in, and to one that was not."""
    browser.enter("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "seven layers are told")
    for line in browser.js("all('.layers li').map((it) => it.innerText.split('\\n').join(' '))"):
        say(f"layer {line}")
        expect("passed" in line or "does not apply" in line, f"let in by a layer that says: {line}")
    facts = browser.js("text('.facts')")
    for part in arguments["facts"].split(","):
        expect(part in facts, f"'{part}' is not told of the call:\n{facts}")
    kinds = browser.js("all('.timeline code').map((it) => it.innerText)")
    expect("POLICY_APPROVED" in kinds, f"the record that let it in is not in its story: {kinds}")
    say("records: " + " ".join(kinds))
    # The trace leads to its story, and the browser's back button to the call.
    browser.click(arguments["trace"])
    browser.until("text('main h1') === 'Story of a trace'", "the trace has a story")
    browser.js("history.back()")
    browser.until("all('.layers li').length === 7", "back at the call")
    browser.go(f"#/witness/trace/{arguments['refused']}")
    verdicts = browser.until(
        "(() => { const list = all('.timeline .layers').at(-1);"
        " return list && [...list.children].map((it) => it.innerText.split('\\n').join(' ')); })()",
        "a refusal tells its layers")
    for line in verdicts:
        say(f"refused: layer {line}")
    place = int(arguments["layer"])
    expect(all("let by" in line for line in verdicts[:place - 1]), f"layers before it are told otherwise: {verdicts}")
    expect("refused" in verdicts[place - 1], f"layer {place} has not refused: {verdicts}")
    expect(all("not reached" in line for line in verdicts[place:]), f"layers behind it were reached: {verdicts}")


def add_network(browser, arguments):
    """A network that is none is told at its field; then one is allowed."""
    browser.enter("#/access/allowlist")
    browser.click("Allow a network")
    browser.until("document.activeElement.name === 'cidr'", "the dialog's first field has the focus")
    browser.write("cidr", "nonsense")
    browser.write("tag", arguments["tag"])
    browser.click("Allow")
    fault = browser.until("text('dialog [name=cidr] ~ .fault')", "the server's complaint stands at its field")
    say(f"told at the field: {fault}")
    browser.write("cidr", arguments["cidr"])
    browser.click("Allow")
    browser.until("!one('dialog')", "the dialog is closed")
    browser.until(f"text('main table').includes('{arguments['cidr']}')", "the network is listed")
    browser.until("text('#notices').includes('allowed')", "what was done is told")
    expect(arguments["tag"] in browser.js("text('main table')"), "its tag is not shown as it was written")
    expect(not browser.js("one('main b')"), "markup in a tag was taken for markup")
    say(f"allowed: {arguments['cidr']}")
    return ["status of 400"]


def remove_network(browser, arguments):
    """Asks, does nothing when it is not confirmed, and removes what is confirmed."""
    cidr = arguments["cidr"]
    browser.enter("#/access/allowlist")
    browser.click(f"Remove {cidr}")
    browser.until("one('dialog[open]')", "it is asked for")
    browser.key("Escape")
    browser.until("!one('dialog')", "the dialog is closed by Escape")
    expect(browser.js(f"document.activeElement.getAttribute('aria-label') === 'Remove {cidr}'"),
           "the focus is not where it was before the dialog")
    expect(cidr in browser.js("text('main table')"), "it was removed without having been confirmed")
    browser.click(f"Remove {cidr}")
    browser.click("Remove")
    browser.until(f"!one('dialog') && !text('main').includes('{cidr}')", "the network is not listed any more")
    say(f"removed: {cidr}")


def end_call(browser, arguments):
    """Ends a call that is up."""
    browser.enter("#/calls")
    browser.click(arguments["call"])
    browser.click("End call…")
    browser.until("text('dialog').includes('hung up on')", "it is asked whether to")
    browser.click("End call")
    browser.until("!one('dialog') && text('main .head').includes('ended')", "the call is over")
    browser.until("text('.facts').includes('by an operator')", "who ended it is told")
    expect(not browser.js("control('End call…')"), "what is over can be ended again")
    browser.go("#/calls")
    browser.until(f"!text('main').includes('{arguments['call']}')", "it is not among the calls that are up")
    say("ended")


def revoked(browser, arguments):
    """A key that is revoked while somebody is signed in with it."""
    browser.enter()
    say("signed in")
    reason = browser.until("text('.sign-in .reason')", "the key is asked for again, with a reason")
    expect("revoked" in reason, f"another reason: {reason}")
    expect(browser.js("one('#rail').hidden"), "the menu is still there")
    say(f"signed out: {reason}")
    return ["status of 401"]


def viewer(browser, arguments):
    """Who may only look is offered nothing else."""
    browser.enter()
    harmless = {"Pause", "Find", "Ask the layers", "Export"}
    for name, address in PAGES.items():
        if name == "keys":
            continue
        browser.go(address)
        offered = set(browser.js(
            "all('main button').filter((it) => it.getClientRects().length).map((it) => it.textContent.trim())"))
        expect(offered <= harmless, f"a viewer is offered on {name}: {offered - harmless}")
        expect("Keys" not in browser.js("all('.tabs a').map((it) => it.innerText)"), "a viewer is offered the keys")
    browser.go("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "a viewer sees the story of a call")
    expect(not browser.js("control('End call…')"), "a viewer is offered to end a call")
    say("nothing is offered that changes something")


def pages(browser, arguments):
    """What is asked of each page: names for all that can be used, one heading, landmarks, no sideways scrolling."""
    browser.open()
    browser.until("one('.sign-in input')", "the key is asked for")
    check_page(browser, "sign-in")
    browser.sign_in()
    browser.settled()
    for name, address in PAGES.items():
        browser.go(address)
        for width in (1280, 390):
            browser.size(width, 900)
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                check_page(browser, f"{name} ({scheme}, {width} wide)")
        browser.size(1280, 900)
        say(f"{name}: {browser.js('document.title')}")
    keyboard(browser)
    return ["status of 401"]


def check_page(browser, name):
    count = browser.js("({ h1: all('h1').length, main: all('main').length, ids: all('[id]').map((it) => it.id),"
                       " lang: document.documentElement.lang, title: document.title,"
                       " images: all('img:not([alt])').length, over: document.documentElement.scrollWidth - innerWidth,"
                       " fields: all('input, select, textarea').filter((it) => !it.labels?.length"
                       "     && !it.getAttribute('aria-label')).map((it) => it.outerHTML),"
                       " levels: all('h1, h2, h3, h4').map((it) => Number(it.tagName[1])) })")
    expect(count["h1"] == 1, f"{name}: {count['h1']} headings of level 1")
    expect(count["main"] == 1 and count["lang"] == "en" and count["title"], f"{name}: no main, language or title")
    expect(len(set(count["ids"])) == len(count["ids"]), f"{name}: an id twice: {sorted(count['ids'])}")
    expect(not count["images"], f"{name}: an image without alternative text")
    expect(not count["fields"], f"{name}: fields without label: {count['fields']}")
    expect(count["over"] <= 0, f"{name}: {count['over']} px wider than the window")
    odd = browser.js("document.body.innerText.match(/.*\\b(NaN|undefined|null|Invalid Date)\\b.*|.*\\[object.*/)?.[0]")
    expect(not odd, f"{name}: shows '{odd}'")
    levels = count["levels"]
    expect(all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"{name}: headings jump: {levels}")
    used = {"button", "link", "textbox", "combobox", "checkbox", "slider", "spinbutton", "region", "table",
            "searchbox", "DisclosureTriangle"}
    nodes = list(browser.accessible())
    unnamed = [role for role, said in nodes if role in used and not said]
    expect(not unnamed, f"{name}: without a name: {unnamed}")
    roles = {role for role, _ in nodes}
    expect("main" in roles, f"{name}: no main landmark in {roles}")
    faint = browser.js(CONTRAST)
    expect(not faint, f"{name}: text of too little contrast: {faint}")


# WCAG 2 AA: 4.5 to 1 for text, 3 to 1 where it is large; disabled controls are left out.
CONTRAST = """(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
    const light = (color) => {
        const [r, g, b] = color.map((it) => it / 255).map((it) =>
            (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const chain = [];
        for (let it = element; it; it = it.parentElement) chain.unshift(rgba(getComputedStyle(it).backgroundColor));
        return chain.reduce((below, color) => over(color, below), rgba('Canvas'));
    };
    const faint = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
        if (element.matches('noscript, script, option, :disabled, .skip') || element.closest('.unseen')) continue;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const [one, other] = [light(over(rgba(style.color), ground)), light(ground)];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (isLarge ? 3 : 4.5)) faint.add(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
    return [...faint];
})()"""


def keyboard(browser):
    """The first stop leads past the menu; a dialog is opened, left, and gives the focus back."""
    browser.go("#/access/allowlist")
    browser.js("document.activeElement.blur()")
    browser.reload()
    browser.until("text('main h1') === 'Access'", "the page is shown again")
    browser.js("document.activeElement.blur()")
    browser.key("Tab")
    if not browser.js("document.activeElement.id === 'skip'"):
        # Focus goes on from the heading; from the top of the document it is the first stop.
        browser.js("one('#skip').focus()")
    browser.key("Enter")
    browser.until("document.activeElement === one('main')", "the skip link leads to the content")
    for _ in range(12):
        browser.key("Tab")
        if browser.js("document.activeElement.innerText === 'Allow a network'"):
            break
    else:
        raise Wrong("the button is not reached by the Tab key")
    outline = browser.js("getComputedStyle(document.activeElement).outlineStyle")
    expect(outline != "none", "where the focus is can't be seen")
    browser.key("Enter")
    browser.until("document.activeElement.name === 'cidr'", "the dialog opens by keyboard")
    browser.key("Escape")
    browser.until("!one('dialog') && document.activeElement.innerText === 'Allow a network'",
                  "the focus is back at the button")
    say("keyboard: skip link, tabs, dialog, Escape")


def screenshots(browser, arguments):
    """Every page in light and dark, and what is happening now as on a phone."""
    directory = arguments["directory"]
    os.makedirs(directory, exist_ok=True)
    browser.open()
    browser.until("one('.sign-in input')", "the key is asked for")

    def both(name, full=True):
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            path = f"{directory}/console-{name}-{scheme}.png"
            browser.picture(path, full)
            say(f"{os.path.basename(path)} {os.path.getsize(path)}")
        browser.size(1280, 900)

    both("sign-in", full=False)
    browser.sign_in()
    browser.settled()
    for name, address in PAGES.items():
        browser.go(address)
        if name == "now":
            browser.until("text('.stream') === 'Live'", "the events are live")
        elif name == "test":
            for field in ("source", "user", "to"):
                if field in arguments:
                    browser.write(field, arguments[field])
            browser.click("Ask the layers")
            browser.until("all('.layers li').length === 7", "the layers have answered")
        elif name == "witness":
            browser.click("Verify the log")
            browser.until("one('.verdict')", "the log is verified")
        both(name, full=name not in ("calls", "witness"))
    browser.go("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "the story is told")
    both("call")
    if "refused" in arguments:
        browser.go(f"#/witness/trace/{arguments['refused']}")
        both("trace")
    browser.go("#/now")
    browser.size(390, 844)
    browser.until("text('.stream') === 'Live'", "the events are live")
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        browser.picture(f"{directory}/console-now-phone-{scheme}.png")


SCENARIOS = {
    function.__name__.replace("_", "-"): function
    for function in (
        sign_in, now, story, add_network, remove_network, end_call, revoked, viewer, pages, screenshots)
}


def main():
    name, *rest = sys.argv[1:] or [""]
    if name not in SCENARIOS:
        sys.exit(f"console.py SCENARIO [NAME=VALUE ...]; there are: {', '.join(SCENARIOS)}")
    arguments = {}
    if name == "screenshots":
        directory, *rest = rest
        arguments["directory"] = directory
    arguments.update(argument.split("=", 1) for argument in rest)
    with tempfile.TemporaryDirectory(prefix="console-", ignore_cleanup_errors=True) as directory:
        try:
            browser = Browser(directory)
            try:
                allowed = SCENARIOS[name](browser, arguments) or []
                # The question whether a session is there, asked before signing in.
                browser.check_log([*allowed, f"status of 401 (Unauthorized) {URL}/v1/session"])
            finally:
                browser.close()
        except Wrong as wrong:
            sys.exit(f"{name}: {wrong}")
    say(f"{name}: as it should be")


if __name__ == "__main__":
    main()
