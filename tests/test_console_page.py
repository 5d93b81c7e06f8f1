"""The watch room's page in a real browser, over a real replay: live, by keyboard, in both themes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import console_room
import pytest
from servers import need
from short_night import SCENARIO

from deploy.servers import free_port
from streams.console.board import Board
from streams.simulate import parse_scenario, write

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
except ImportError:  # a plain installation, without the tools of the tests
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("playwright and axe-playwright-python are in pip install '.[dev]'", allow_module_level=True)

PAGE = Path(__file__).parent.parent / "streams" / "console" / "page"
IMAGES = Path(__file__).parent.parent / "docs" / "img"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 20_000
SPEED = 300  # an hour of the night in twelve seconds

HOSTILE = (
    '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> tu mens, rends la clef de la mairie'
)
OPERATION = f"""
[[operation]]
kind = "insults"
name = "hostile"
at_minute = 8
duration_minutes = 40
accounts = 20
posts = 24
other_posts = 24
metronome_posts = 10
targets = ["PaulineVerdier", "LucasOrtoli"]
text = '{HOSTILE}'

[operation.fate]
at_minute = 50
suspended = 12

[[operation]]
kind = "sponsored"
name = "broadcaster"
at_minute = 5
duration_minutes = 50
pages = ["ObrazWorld", "ObrazAmerica"]
payer = "Telekanal Obraz"
posts = 60
spend = 9000
audiences = ["Readers of mainstream news"]
banned_at_minute = 30
after_ban = 9

[[operation]]
kind = "listed"
name = "on-the-list"
at_minute = 5
duration_minutes = 50
accounts = 60
posts = 700
pushing = 0.6
pushes = [{{ hashtag = "HarbourFiles", link = "https://obraz.example/harbour-files" }}]
"""
VIEWS = ("", "hashtags", "links", "sources", "targets", "texts", "sponsors", "lists", "health", "audit")
ONE_OF_A_KIND = ("", "hashtags", "lists", "health")
"""The views that are not made of the same parts as another one."""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}


def write_night(folder: Path, more: str = OPERATION) -> None:
    """The short night with more in it, and a list; what one operation writes tries to be markup."""
    write(parse_scenario(SCENARIO + more, "a night"), 1, folder)
    lines = (folder / "posts.jsonl").read_bytes().splitlines()
    (folder / "night.jsonl").write_bytes(b"\n".join(map(_hostile, lines)))


def _hostile(line: bytes) -> bytes:
    if b"onerror" not in line:
        return line
    one = json.loads(line)
    one["author"] |= {"name": HOSTILE, "description": HOSTILE, "handle": '"><svg onload=window.hit=1>'}
    return json.dumps(one).encode()


class Room:
    """`vigie replay --console`, whose output is a terminal: so it stays when the night is over."""

    def __init__(self, folder: Path, speed: int = SPEED) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self._terminal, output = pty.openpty()
        command = [
            sys.executable,
            "-m",
            "streams.cli",
            "replay",
            str(folder / "night.jsonl"),
            "--speed",
            str(speed),
        ]
        command += [
            "--console",
            str(port),
            "--store",
            str(folder / "store.db"),
            "--alerts",
            str(folder / "alerts.jsonl"),
        ]
        if (folder / "lists.csv").exists():
            command += ["--lists", str(folder / "lists.csv")]
        with (folder / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=PAGE.parents[2])
        os.close(output)
        threading.Thread(target=self._read, daemon=True).start()

    def get(self, path: str) -> Any:
        """What the server answers."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def wait_until_up(self) -> None:
        give_up = time.monotonic() + PATIENCE_MS / 1000
        while True:
            try:
                self.get("api/me")
                return
            except OSError:
                assert time.monotonic() < give_up and self._process.poll() is None, (
                    "the console did not start"
                )
                time.sleep(0.1)

    def _read(self) -> None:
        """Take what it prints: a full terminal would stop it."""
        with contextlib.suppress(OSError):  # the terminal is gone when the process is
            while os.read(self._terminal, 65536):
                pass

    def wait_until_over(self) -> None:
        """Until all posts of the night were judged."""
        give_up = time.monotonic() + 60
        while not self.get("api/board")["ended"]:
            assert time.monotonic() < give_up, "the night does not end"
            time.sleep(0.2)

    def strongest(self, words: str = "") -> str:
        """Id of the case with the highest score that has these words anywhere in its row."""
        rows = [row for row in self.get("api/board")["cases"] if words in json.dumps(row, ensure_ascii=False)]
        case_id: str = max(rows, key=lambda row: row["score"])["case_id"]
        return case_id

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._terminal)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need("" if CHROMIUM else "Chromium is not installed: apt-get install chromium.")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def room(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("console")
    write_night(folder)
    room = Room(folder)
    try:
        room.wait_until_up()
        yield room
    finally:
        room.close()


class Visitor:
    """A browser of somebody's own, that notes what it asked for and what went wrong."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)

    def go(self, where: str = "") -> Page:
        self.page.goto(f"{self.url}#/{where}")
        return self.page


@pytest.fixture
def visitor(browser: Browser, room: Room) -> Iterator[Any]:
    """Makes visitors: `visitor(locale="fr-FR", color_scheme="dark")`."""
    made: list[Visitor] = []

    def make(url: str = room.url, **options: Any) -> Visitor:
        given = {
            "viewport": DESK,
            "locale": "en-GB",
            "timezone_id": "Europe/Paris",
            "reduced_motion": "reduce",
        }
        made.append(Visitor(browser.new_context(**given | options), url))
        return made[-1]

    yield make
    for one in made:
        one.context.close()


# --- the order of the tests matters to their time only: the first one finds the night still going on


def test_a_case_arrives_by_itself_is_read_and_dismissed_and_goes_for_everybody(
    room: Room, visitor: Any
) -> None:
    analyst, other = visitor(), visitor(locale="fr-FR", color_scheme="dark")
    page, elsewhere = analyst.go(), other.go()
    loads = len([url for url in analyst.asked if url == room.url])
    row = page.locator("li.row.critical").first
    row.wait_for()
    assert len([url for url in analyst.asked if url == room.url]) == loads  # nobody reloaded the page
    case_id = row.get_attribute("data-case")
    theirs = elsewhere.locator(f'[data-case="{case_id}"]')
    expect(theirs).to_have_count(1)
    expect(theirs.locator(".mark")).to_have_text("Critique")

    page.locator(f'[data-case="{case_id}"] a.what').click()
    expect(page.get_by_role("heading", name="What this does not prove")).to_be_visible()
    expect(page.get_by_role("heading", name="How sure")).to_be_visible()
    traits = page.get_by_role("region", name="What the accounts have in common")
    assert traits.count() == 0 or traits.locator("tbody td.number").first.inner_text()

    page.keyboard.press("d")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Dismiss").click()
    expect(dialog.get_by_role("alert")).to_have_text("A reason is needed.")
    dialog.get_by_label("Reason").fill("A rehearsal <b>of ours</b>")
    dialog.get_by_role("button", name="Dismiss").click()
    expect(dialog).to_have_count(0)
    expect(theirs).to_have_count(0)  # the other one did nothing
    expect(page.locator(".answer")).to_contain_text("A rehearsal <b>of ours</b>")
    assert {url.split("/", 3)[2] for url in analyst.asked + other.asked} == {room.url.split("/")[2]}
    assert not analyst.wrong + other.wrong


def test_what_changed_since_one_last_looked_is_marked_until_it_is_seen(room: Room, visitor: Any) -> None:
    page = visitor().go()
    page.locator("li.row").first.wait_for()
    page.evaluate(
        "localStorage.setItem('vigie.looked', JSON.stringify({at: '2022-04-10T18:00:00Z', seen: {}}))"
    )
    page.reload()
    expect(page.locator(".chip.news").first).to_have_text("New")
    page.get_by_role("button", name="Mark all as seen").click()
    assert page.evaluate("JSON.parse(localStorage.getItem('vigie.looked')).seen")


def test_hostile_texts_stay_texts(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    somebody = visitor()
    page = somebody.go("?state=all")
    expect(page.locator("li.row", has_text="onerror").first).to_be_visible()
    page = somebody.go(f"case/{room.strongest('onerror')}")
    expect(page.locator(".accounts tbody tr").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("<img src=x onerror=")
    assert page.locator("main img, main script, main svg[onload], main b").count() == 0
    assert page.evaluate("window.hit") is None
    kinds = page.evaluate(
        "import('/page/dom.js').then(({outside}) => ['javascript:hit=1', 'http://a.example', 'https://a.example']"
        ".map((url) => outside(url, 'x').tagName))"
    )
    assert kinds == ["SPAN", "SPAN", "A"]
    assert not somebody.wrong


def test_a_case_shows_its_evidence_in_pictures_and_in_tables(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    page = visitor().go(f"case/{room.strongest('rends')}")
    expect(page.locator(".timeline svg[role=img]")).to_have_attribute(
        "aria-label", re.compile(r"posts from .* alerts")
    )
    expect(page.locator(".network svg[role=img]")).to_have_attribute(
        "aria-label", re.compile(r"accounts and .* ties")
    )
    ties = page.locator(".evidence-network tbody tr")
    assert ties.count() > 0
    found = page.locator("table.traits tr.found").first
    expect(found.locator("svg[role=img]")).to_have_attribute(
        "aria-label", re.compile(r"Group \d+%, comparable accounts")
    )
    head = page.locator(".accounts th[aria-sort]")
    expect(head).to_have_attribute("aria-sort", "descending")
    page.locator(".accounts th").get_by_role("button", name="Account").click()
    expect(page.locator(".accounts th[aria-sort=ascending]")).to_contain_text("Account")
    with page.expect_download() as csv:
        page.get_by_role("link", name="Posts (CSV)").click()
    assert csv.value.path().read_text().startswith("tweetid")


def test_the_keyboard_alone_goes_all_the_way(room: Room, visitor: Any) -> None:
    page = visitor().go()
    page.locator("li.row").nth(1).wait_for()
    links = page.locator("li.row a.what")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("article.case h1")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("li.row").first.wait_for()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("no such words")
    expect(page.get_by_text("No case matches these filters.")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("li.row").first.wait_for()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def test_nothing_moves_under_the_hands_of_who_reads(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    page = visitor(viewport={"width": 1280, "height": 400}).go()
    page.locator("li.row").nth(3).wait_for()
    page.mouse.wheel(0, 600)
    page.wait_for_function("scrollY > 200")
    before = page.locator("li.row").nth(3).bounding_box()
    page.evaluate(
        """async () => {
          const { room } = await import("/page/room.js");
          const [like] = room.cases.values();
          const case_id = "c0000000000000001";
          room.cases.set(case_id, { ...like, case_id, status: "open", severity: "critical" });
          room.dispatchEvent(new CustomEvent("cases", { detail: [case_id] }));
        }"""
    )
    arrived = page.get_by_role("button", name="1 new or changed case: show")
    expect(arrived).to_be_visible()
    assert page.locator("li.row").nth(3).bounding_box() == before
    expect(page.locator("[aria-live=polite]")).to_contain_text("New case, Critical")
    arrived.click()
    expect(page.locator('[data-case="c0000000000000001"]')).to_be_in_viewport()


def test_a_lost_connection_is_said_in_words(room: Room, visitor: Any) -> None:
    page = visitor().page
    page.route("**/api/events", lambda route: route.abort())
    page.goto(room.url)
    expect(page.locator("#connection")).to_contain_text("The server does not answer. Trying again by itself.")
    expect(page.locator(".pulse")).to_have_text("Disconnected")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[console_room.Room]:
    """A console with one case at which one has to sign in."""
    room = console_room.Room(tmp_path, tokens={"mona": "analyst", "paul": "viewer"})
    room.board.take(console_room.renamed(console_room.alerts()[0], "c1"))
    yield room
    room.close()


def test_who_must_sign_in_sees_nothing_before(guarded: console_room.Room, visitor: Any) -> None:
    somebody = visitor(url=guarded.server.url)
    page = somebody.go()
    page.get_by_label("Token").fill("wrong")
    assert barriers(page, "light") == []
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This is no token of this console, or it was removed.")
    assert page.locator("li.row").count() == 0
    assert page.evaluate("fetch('/api/board').then((answer) => answer.status)") == 401
    page.get_by_label("Token").fill(guarded.secrets["mona"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("li.row")).to_have_count(1)
    page.reload()
    expect(page.locator("li.row")).to_have_count(1)  # the browser is known now
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("fetch('/api/board').then((answer) => answer.status)") == 401


def test_a_viewer_reads_and_is_refused_an_answer(guarded: console_room.Room, visitor: Any) -> None:
    somebody = visitor(url=guarded.server.url)
    page = somebody.go("case/c1")
    page.get_by_label("Token").fill(guarded.secrets["paul"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("article.case h1")).to_be_visible()
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    page.keyboard.press("d")
    expect(page.get_by_role("dialog")).to_have_count(0)
    refused = page.evaluate(
        """async () => {
          const { post, whoAmI } = await import("/page/api.js");
          await whoAmI();
          const answer = { kind: "dismissed", reason: "mine", until: null };
          return post("/api/cases/c1/verdict", answer).catch((error) => [error.status, error.message]);
        }"""
    )
    assert refused == [403, "Only an analyst may do that."]
    assert guarded.said == []


def test_a_new_alert_is_on_the_open_board_by_itself(
    tmp_path: Path, visitor: Any, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long each takes from the room to the page is printed and not asserted: machines differ."""
    room = console_room.Room(tmp_path)
    try:
        page = visitor(url=room.server.url).go()
        expect(page.locator(".pulse")).to_have_text("Live")
        page.evaluate(SEEN)
        taken = {}
        for number in range(5):
            taken[f"c{number}"] = time.time() * 1000
            room.board.take(console_room.renamed(console_room.alerts()[0], f"c{number}"))
            page.locator(f'[data-case="c{number}"]').wait_for()
        seen = page.evaluate("window.seen")
    finally:
        room.close()
    assert list(seen) == list(taken)
    delays = sorted(seen[case_id] - taken[case_id] for case_id in taken)
    told = f"a new alert is drawn {delays[2]:.0f} ms after the room has it, at most {delays[-1]:.0f} ms"
    record_property("timing", told)
    with capsys.disabled():
        print(f"\n{told}")


SEEN = """() => {
  window.seen = {};
  new MutationObserver(() => {
    for (const row of document.querySelectorAll("[data-case]")) window.seen[row.dataset.case] ??= Date.now();
  }).observe(document.body, { childList: true, subtree: true });
}"""


def test_sponsors_and_lists_are_shown_as_they_are_counted(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    page = visitor().go("sponsors")
    row = page.locator("tbody tr", has_text="Telekanal Obraz")
    expect(row.locator("td.number").first).to_have_text("60")
    expect(row).to_contain_text("US$9,000")
    expect(row.locator("td").last).to_have_text("9")  # posts after the ban
    expect(row.locator("time")).to_have_attribute("datetime", "2022-04-10T18:30:00.000Z")
    page = visitor().go("lists")
    expect(page.locator("tbody tr").first).to_contain_text("attributed 42")
    pushed = page.locator("tbody tr", has_text="#harbourfiles")
    pushed.get_by_role("link", name="open the case").click()
    expect(page.locator("article.case h1")).to_be_visible()


def test_suspended_accounts_are_marked_in_the_table(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    page = visitor().go(f"case/{room.strongest('onerror')}")
    expect(page.locator(".accounts tbody tr").first).to_be_visible()
    expect(page.locator(".accounts .chip.gone", has_text="suspended")).to_have_count(12)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_has_a_serious_barrier(room: Room, visitor: Any, theme: str) -> None:
    room.wait_until_over()
    somebody = visitor(color_scheme=theme, locale="fr-FR" if theme == "dark" else "en-GB")
    case_id = room.strongest()
    row = next(row for row in room.get("api/board")["cases"] if row["case_id"] == case_id)
    about = row["subjects"][0]
    plain = VIEWS if theme == "light" else ONE_OF_A_KIND
    for view in (*plain, f"explain/{about['kind']}/{about['value']}", f"case/{case_id}"):
        page = somebody.go(view)
        page.locator("main h1").first.wait_for(state="attached")
        expect(page.locator("main .loading")).to_have_count(0)
        assert barriers(page, theme) == [], view
        assert "[object" not in page.locator("main").inner_text(), view
    page.keyboard.press("d")
    page.get_by_role("dialog").wait_for()
    assert barriers(page, theme) == [], "dialog"


def barriers(page: Page, theme: str) -> list[str]:
    """What axe calls serious or critical, each with the element; of the dark theme what a theme changes."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if theme == "dark":
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def test_it_fits_a_phone(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    somebody = visitor(viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True)
    for view in ("", f"case/{room.strongest()}", "hashtags", "health"):
        page = somebody.go(view)
        page.locator("main h1").first.wait_for(state="attached")
        expect(page.locator("main .loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], view


def test_five_hundred_cases_and_twenty_thousand_accounts(
    room: Room, visitor: Any, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    room.wait_until_over()
    board = room.get("api/board")
    model = board["cases"][0]
    severities = ["critical", "warning", "notice"]
    board["cases"] = [
        model
        | {
            "case_id": f"c{number:016x}",
            "status": "open",
            "severity": severities[number % 3],
            "score": number % 101,
        }
        for number in range(500)
    ]
    somebody = visitor()
    somebody.page.route("**/api/board", lambda route: route.fulfill(json=board))
    page = somebody.go()
    expect(page.locator("li.row")).to_have_count(500)
    drawn_ms = measured(page, "vigie board")

    one = room.get(f"api/cases/{room.strongest()}")
    one["row"]["accounts"] = 20_000
    somebody.page.route("**/api/cases/big", lambda route: route.fulfill(json=one))
    somebody.page.route("**/accounts?*", twenty_thousand)
    page = somebody.go("case/big")
    expect(page.locator(".pager")).to_contain_text("1 to 50 of 20,000")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("51 to 100 of 20,000")
    case_ms, page_ms = measured(page, "vigie case"), measured(page, "vigie accounts")
    told = f"500 cases drawn in {drawn_ms:.0f} ms; a case in {case_ms:.0f} ms, "
    told += f"a page of its 20,000 accounts in {page_ms:.0f} ms"
    record_property("timing", told)
    with capsys.disabled():
        print(f"\n{told}")


def measured(page: Page, name: str) -> float:
    """The longest of the page's own measures of that name, in milliseconds."""
    longest: float = page.evaluate(
        f"Math.max(...performance.getEntriesByName('{name}').map((one) => one.duration))"
    )
    return longest


def twenty_thousand(route: Route) -> None:
    asked = dict(part.split("=") for part in route.request.url.split("?")[1].split("&"))
    first = int(asked["offset"])
    rows = [
        {
            "account": f"x:{n}",
            "author_id": str(n),
            "handle": f"user{n}",
            "name": None,
            "created": "2021-12-01T00:00:00Z",
            "followers": n,
            "bot_score": 0.5,
            "silent_days": None,
            "posts": 3,
            "signs": [],
            "status": None,
            "url": None,
        }
        for n in range(first, first + int(asked["limit"]))
    ]
    route.fulfill(json={"total": 20_000, "known": 20_000, "rows": rows})


def test_both_languages_say_the_same_and_every_word_that_is_used_is_there(room: Room, visitor: Any) -> None:
    page = visitor().go()
    words = page.evaluate("import('/page/i18n.js').then(({WORDS}) => WORDS)")
    assert words["en"].keys() == words["fr"].keys()
    holes = {
        language: {key: re.findall(r"\{\w+\}", text) for key, text in words[language].items()}
        for language in words
    }
    assert {key for key in holes["en"] if set(holes["en"][key]) ^ set(holes["fr"][key])} <= {
        "case.sure.ways.one"
    }
    code = "\n".join(path.read_text() for path in PAGE.glob("*.js") if not path.name.startswith("words_"))
    plain = set(re.findall(r'\bt\(\s*"([a-z_.]+)"', code)) | set(
        re.findall(r'title: "([a-z_]+\.[a-z_.]+)"', code)
    )
    counted = {
        f"{key}.{form}" for key in re.findall(r'\btn\(\s*"([a-z_.]+)"', code) for form in ("one", "other")
    }
    assert plain | counted <= words["en"].keys()


def test_french_is_chosen_by_the_browser_and_by_hand(room: Room, visitor: Any) -> None:
    page = visitor(locale="fr-FR").go("health")
    expect(page.locator("h1")).to_have_text("Santé")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Health")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_why_there_is_no_alert_is_said_in_the_language_of_the_page(room: Room, visitor: Any) -> None:
    room.wait_until_over()
    quiet = next(row["value"] for row in room.get("api/top/hashtags")["rows"] if row["score"] == 0)
    page = visitor(locale="fr-FR").go(f"explain/hashtag/{quiet}")
    expect(page.locator(".verdict-words")).to_contain_text("Pas d'alerte")
    missed = page.locator("details[open] tr", has_text="intervalles d'avant, pour comparer")
    expect(missed.locator(".chip")).to_have_text("manqué")
    page.get_by_text("Jugements").wait_for()
    page.locator("summary", has_text=f"#{quiet}").click()
    expect(page.locator("details[open] td", has_text="de 15 à 500 comptes").first).to_be_visible()


def test_what_a_file_of_alerts_does_not_tell_is_said_not_to_be_known(tmp_path: Path, visitor: Any) -> None:
    room = console_room.Room(tmp_path, board=Board("file"))
    room.board.take(console_room.renamed(console_room.alerts()[0], "c1"))
    try:
        somebody = visitor(url=room.server.url)
        expect(somebody.go().locator(".open-groups")).to_contain_text("Not known here")
        expect(somebody.go("hashtags").locator("main")).to_contain_text("Alerts do not tell what leads")
        expect(somebody.go("health").locator("main")).to_contain_text("Not known here")
        page = somebody.go("case/c1")
        expect(page.get_by_text("What each account is now is not known here.")).to_be_visible()
        expect(page.get_by_text("Which of them were erased is not known here.")).to_be_visible()
    finally:
        room.close()


@pytest.mark.skipif(not os.environ.get("VIGIE_SCREENSHOTS"), reason="VIGIE_SCREENSHOTS=1 makes the pictures")
def test_pictures_for_the_documentation(browser: Browser, tmp_path: Path) -> None:
    write_night(tmp_path, "")
    room = Room(tmp_path, speed=30)
    try:
        room.wait_until_up()
        while (room.get("api/board")["now"] or "") < "2022-04-10T18:42":
            time.sleep(0.5)
        for theme in ("light", "dark"):
            take_pictures(browser, room, theme)
    finally:
        room.close()


def take_pictures(browser: Browser, room: Room, theme: str) -> None:
    case = f"case/{room.strongest('rends l')}"
    pictures = {
        "board": ("", DESK),
        "case": (case, DESK | {"height": 1640}),
        "health": ("health", DESK | {"height": 680}),
        "phone": ("", PHONE),
    }
    for name, (view, size) in pictures.items():
        options = {"viewport": size, "color_scheme": theme, "locale": "en-GB", "timezone_id": "Europe/Paris"}
        context = browser.new_context(**options, device_scale_factor=2 if name == "phone" else 1)
        page = context.new_page()
        page.goto(f"{room.url}#/{view}")
        page.locator("main h1").first.wait_for(state="attached")
        expect(page.locator("main .loading")).to_have_count(0)
        page.screenshot(path=IMAGES / f"console-{name}{'-dark' if theme == 'dark' else ''}.png")
        context.close()
