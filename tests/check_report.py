#!/usr/bin/env python3
"""Opens a report in headless Chromium, as a reader would, and says what is wrong with it.

    python3 tests/check_report.py report/index.html [--screenshots DIR] [--chromium PATH]

Checked at desktop and at phone width, light and dark: no message of the console and no failed or foreign request; tables
sort by their heads; the player moves by its slider, its keys and its button; the page is not wider than the screen;
points of figures say what they are; everything that can be operated has a name. Exit code 1 if anything fails, 2 if there
is no Chromium. Needs nothing but Python's standard library: the browser is spoken to over a pipe.
"""

import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


class Browser:
    """A headless Chromium and one page in it, by the DevTools protocol (messages end with a zero byte)."""

    def __init__(self, program, profile):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def connect():  # the browser reads from 3 and writes to 4
            for wanted, end in ((3, to_read), (4, to_write)):
                os.dup2(end, wanted + 100)
            for wanted in (3, 4):
                os.dup2(wanted + 100, wanted)
                os.set_inheritable(wanted, True)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.number, self.events, self.rest, self.session = 0, [], b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.rest:
            part = os.read(self.read_end, 1 << 20)
            if not part:
                raise SystemExit("Chromium has ended unexpectedly")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        write_all(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, script, seconds=10.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(script):
                return True
            time.sleep(0.05)
        return False

    def open(self, address):
        self.call("Page.navigate", url=address)
        return self.until("document.readyState === 'complete'", 60.0)

    def key(self, key, code=None, text=None):
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, **extra)

    def screenshot(self, path, part=None):
        """Of what the screen shows, or of a part of the page: x, y, width, height."""
        clip = {"clip": {**part, "scale": 1}, "captureBeyondViewport": True} if part else {}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **clip)["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


def write_all(end, content):
    while content:
        content = content[os.write(end, content):]


NAMELESS = """[...document.querySelectorAll('button, select, input, a[href], canvas, svg, [tabindex]')].filter((e) =>
  !(e.hidden || e.closest('[hidden]') || e.tagName === 'PRE' || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
    || (e.labels && e.labels.length) || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 80))"""


def check(browser, report, screen, dark, folder):
    wrong = []

    def expect(holds, what):
        if not holds:
            wrong.append(what)

    width, height = SCREENS[screen]
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=screen == "phone")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    expect(browser.open(report.as_uri()), "the page does not load within a minute")
    expect(browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page is wider than the screen")
    expect(browser.evaluate(NAMELESS) == [], f"without a name: {browser.evaluate(NAMELESS)}")
    expect(browser.evaluate("document.querySelectorAll('main section').length") >= 2, "fewer than two sections")

    if browser.evaluate("!!document.querySelector('th[aria-sort]')"):
        column = """[...document.querySelectorAll('table.sortable')].map((t) => [t, [...t.tHead.rows[0].cells].findLastIndex(
            (c) => c.classList.contains('number'))]).find(([t, c]) => c > 0)"""
        read = f"(() => {{ const [t, c] = {column}; return [...t.tBodies[0].rows].map((r) => r.cells[c].dataset.value).filter((v) => v !== undefined).map(Number); }})()"
        click = f"(() => {{ const [t, c] = {column}; t.tHead.rows[0].cells[c].querySelector('button').click(); return t.tHead.rows[0].cells[c].getAttribute('aria-sort'); }})()"
        for order, key in (("ascending", 1), ("descending", -1)):
            expect(browser.evaluate(click) == order, f"a click does not sort a table {order}")
            values = browser.evaluate(read)
            expect(values == sorted(values, key=lambda v: key * v), f"the table is not {order}: {values}")
    else:
        wrong.append("no table sorts")

    if browser.evaluate("!!document.getElementById('player-box')"):
        box = "document.getElementById('player-box')"
        frame = lambda: int(browser.evaluate(f"{box}.dataset.frame"))
        canvas = "document.getElementById('player-field').toDataURL()"
        expect(browser.until(f"{box}.dataset.ready === 'true'"), "the player's pictures do not load")
        last = browser.evaluate("Number(document.getElementById('player-time').max)")
        browser.evaluate(f"{box}.focus()")
        before = browser.evaluate(canvas)
        expect(frame() == 0, "the player does not begin at its first frame")
        browser.key("End")
        expect(frame() == last, "End does not lead to the last frame")
        browser.key("ArrowLeft")
        expect(frame() == max(last - 1, 0), "the left arrow does not step back")
        browser.key("ArrowRight")
        expect(frame() == last, "the right arrow does not step forward")
        expect(last == 0 or browser.evaluate(canvas) != before, "the picture stays the same")
        browser.key("Home")
        expect(frame() == 0, "Home does not lead to the first frame")
        if last > 0:
            browser.key(" ", "Space", " ")
            expect(browser.until(f"Number({box}.dataset.frame) > 0"), "space does not play")
            expect(browser.evaluate(f"{box}.dataset.playing") == "true", "a playing player does not say so")
            browser.key(" ", "Space", " ")
            stopped = frame()
            time.sleep(0.6)
            expect(frame() == stopped, "space does not stop")
            browser.evaluate("document.getElementById('player-play').click()")
            expect(browser.until(f"Number({box}.dataset.frame) !== {stopped}"), "the button does not play")
            browser.evaluate("document.getElementById('player-play').click()")
            browser.evaluate("(() => { const s = document.getElementById('player-time'); s.value = 1; s.dispatchEvent(new Event('input')); })()")
            expect(frame() == 1, "the slider does not lead")
        middle = last // 2
        for select in ("sequence", "model"):
            other = f"(() => {{ const s = document.getElementById('player-{select}'); s.value = s.options.length - 1; s.dispatchEvent(new Event('change')); return s.options.length; }})()"
            if browser.evaluate(other) > 1:
                expect(browser.until(f"{box}.dataset.ready === 'true'"), f"another {select} does not load")
        browser.evaluate(f"(() => {{ const s = document.getElementById('player-time'); s.value = {middle}; s.dispatchEvent(new Event('input')); }})()")
        browser.until(f"{box}.dataset.ready === 'true'")

    if browser.evaluate("!!document.querySelector('.target')"):
        browser.evaluate("document.querySelector('.target').focus()")
        expect(browser.evaluate("!document.getElementById('tip').hidden && document.getElementById('tip').textContent.length > 3"),
               "a point of a figure does not say what it is")
        browser.evaluate("document.querySelector('.target').blur()")

    if folder:
        browser.evaluate("window.scrollTo(0, 0)")
        stem = f"{screen}-{'dark' if dark else 'light'}"
        browser.screenshot(folder / f"{stem}.png")
        browser.screenshot(folder / f"{stem}-whole.png", browser.call("Page.getLayoutMetrics")["cssContentSize"])
        place = browser.evaluate("(() => { const b = document.getElementById('player-box'); if (!b) return null; document.activeElement.blur(); "
                                 "const r = b.getBoundingClientRect(); return { x: r.x, y: r.y, width: r.width, height: r.height }; })()")
        if place:
            browser.screenshot(folder / f"{stem}-player.png", place)

    for event in browser.events:
        method, content = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            wrong.append(f"exception: {content['exceptionDetails'].get('text')} {content['exceptionDetails'].get('exception', {}).get('description', '')}")
        elif method == "Runtime.consoleAPICalled":
            wrong.append(f"console: {[a.get('value') for a in content['args']]}")
        elif method == "Log.entryAdded":
            wrong.append(f"log: {content['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            address = content["request"]["url"]
            if not address.startswith(("file:", "data:", "about:")):
                wrong.append(f"request: {address}")
    browser.events.clear()
    return wrong


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("report", type=pathlib.Path)
    words.add_argument("--screenshots", type=pathlib.Path, help="folder for pictures of the page")
    words.add_argument("--chromium", help="the browser's program")
    given = words.parse_args()
    program = given.chromium or next(filter(None, map(shutil.which, NAMES)), None)
    if not program:
        print(f"{given.report}: NOT CHECKED: no Chromium found (looked for {', '.join(NAMES)}); install it or name it by --chromium", file=sys.stderr)
        return 2
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    report = given.report.resolve(strict=True)
    failures = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            for screen in SCREENS:
                for dark in (False, True):
                    wrong = check(browser, report, screen, dark, given.screenshots)
                    failures += len(wrong)
                    where = f"{screen}, {'dark' if dark else 'light'}"
                    print(f"{where}: {'ok' if not wrong else ''}")
                    for line in wrong:
                        print(f"  {line}")
        finally:
            browser.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
