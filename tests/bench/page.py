"""How fast the page is with a year of talk in it: ``python -m tests.bench.page [FILE.db]``.

Starts the app on a database of 1,000 conversations and 50,000 messages (``tests.seed_database``
makes one where no file is given), opens it in Chromium and prints milliseconds, the median and the
slowest of several: from the key or the click to the picture in which its answer is seen. The
clock is the browser's own.
"""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from chat_app.db.database import open_database
from tests.browser.conftest import FLAGS, ChatPage, chromium, running
from tests.seed_database import RARE, seed_database

_TIMES = 10
# Until the browser has drawn a picture in which `seen` holds, since `begin` was done.
_CLOCK = """
([begin, seen]) => new Promise((done, fail) => {
    const holds = new Function(`return (${seen})`);
    if (holds()) return fail(new Error(`already so: ${seen}`));
    const at = performance.now();
    new Function(begin)();
    const look = () => {
        if (holds()) requestAnimationFrame(() => done(performance.now() - at));
        else if (performance.now() - at > 20000) fail(new Error(`never so: ${seen}`));
        else requestAnimationFrame(look);
    };
    look();
})
"""
_TYPE = """
const field = document.querySelector('{field}');
field.focus();
document.execCommand('selectAll');
document.execCommand('insertText', false, '{text}');
"""
_ROWS = "document.querySelectorAll('#vf-conversations .vf-row')"
_STEP = """
const slider = document.querySelector('#vf-svt-benevolence input[type=range]');
slider.value = {value};
slider.dispatchEvent(new Event('input', {{bubbles: true}}));
slider.dispatchEvent(new Event('change', {{bubbles: true}}));
slider.dispatchEvent(new PointerEvent('pointerup', {{bubbles: true}}));
"""


def measured(page: Page, begin: Callable[[int], str], seen: Callable[[int], str]) -> list[float]:
    """Milliseconds of each time, from ``begin`` until ``seen``."""
    times = []
    for number in range(_TIMES):
        times.append(page.evaluate(_CLOCK, [begin(number), seen(number)]))
        page.wait_for_timeout(250)  # what follows an answer belongs to no other
    return times


def told(what: str, times: list[float]) -> None:
    print(f"{what:<44} {statistics.median(times):7.0f} {max(times):7.0f}", flush=True)


def typing(page: Page) -> list[float]:
    """A letter in the message box, with a long conversation above it."""
    box = "#vf-box textarea"
    return measured(
        page,
        lambda n: _TYPE.format(field=box, text="a" * (n + 1)),
        lambda n: f"document.querySelector('{box}').value.length === {n + 1}",
    )


def searching(page: Page) -> list[float]:
    """Another word in the search box, until the list shows it and nothing else."""
    words = ["money", RARE, "garden", "moun", "brother bo", "li", "zzz", "the", "holiday s", "a"]
    return measured(
        page,
        lambda n: _TYPE.format(field="#vf-list-search input", text=words[n]),
        lambda n: (
            f"[...document.querySelectorAll('.vf-hint')].some(h => h.textContent.includes("
            f"'“{words[n]}”')) || [...{_ROWS}].length && [...{_ROWS}].every(r => [...r"
            f".querySelectorAll('mark')].some(m => '{words[n]}'.split(' ').includes("
            f"m.textContent.toLowerCase())))"
        ),
    )


def opening(page: Page) -> list[float]:
    """Another conversation of 50 messages, from the click until its last 20 are there, and the
    button for those before."""
    titles = page.evaluate(f"[...{_ROWS}].map(row => row.dataset.title)")
    return measured(
        page,
        lambda n: f"{_ROWS}[{n + 5}].querySelector('.vf-link').click()",
        lambda n: (
            f"document.querySelector('.vf-title').textContent === {titles[n + 5]!r}"
            " && document.querySelectorAll('#vf-chat .bot-row').length === 11"
        ),
    )


def sliding(page: Page) -> list[float]:
    """A slider's step, until the number beside it says so."""
    number = "document.querySelector('#vf-svt-benevolence input[type=number]').value"
    return measured(
        page,
        lambda n: _STEP.format(value=-5 + n),
        lambda n: f"{number} === '{-5 + n}'",
    )


def bench(home: Path) -> None:
    """Print the times of the app on the database in ``home``."""
    with running(home) as server, sync_playwright() as playwright:
        print(f"server up after {server.up_s:.1f} s")
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for visit in ("first visit", "second visit"):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            chat = ChatPage(page, server.address)
            chat.open()
            expect(page.locator(".vf-row").first).to_be_visible()
            paint = page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            whole = page.evaluate("performance.now()")
            print(f"{visit}: first paint {paint:.0f} ms, list and chat there by {whole:.0f} ms")
        print(f"{'milliseconds':<44} {'median':>7} {'slowest':>7}")
        told("open a conversation of 50 messages", opening(page))
        told("type a letter", typing(page))
        told("a slider's step", sliding(page))
        told("search", searching(page))
        browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        place = home / "valueflow.db"
        if len(sys.argv) > 1:
            shutil.copy(sys.argv[1], place)
        database = open_database(f"sqlite:///{place}")
        if len(sys.argv) == 1:
            seed_database(database)
        print(database.describe().partition(", ")[2])
        database.close()
        bench(home)


if __name__ == "__main__":
    main()
