"""A real browser without a window, for tests of pages: what it shows, what it complains about, what it asks for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
"""The browser of this machine, or None."""

WHY_NOT = "no Chromium on this machine: install it to test the pages in a browser"


@contextmanager
def opened() -> Iterator[Browser]:
    """The browser of this machine, started and ended here."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A window in which pages are opened from the disk, without a network; it remembers all complaints and requests.

    Attributes
    ----------
    page
        The window, as Playwright has it.
    complaints
        Lines of the console and errors of scripts, with the page they are about.
    asked_elsewhere
        What was asked for that is no file.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked_elsewhere: list[str] = []
        page.context.set_offline(True)
        page.on("console", lambda message: self.complaints.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", lambda request: self.complaints.append(f"{page.url}: {request.url} failed"))
        page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.asked_elsewhere.append(url)

    def open(self, file: Path, anchor: str = "") -> Page:
        """Opens a page and waits until its figures in sight are drawn."""
        self.page.goto(file.as_uri() + anchor)
        self.page.wait_for_selector("html.figures-drawn", state="attached")
        return self.page

    def draw_everything(self) -> None:
        """Has figures drawn that are out of sight as well, as when the page is printed."""
        self.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        expect(self.page.locator(".plot:not(.drawn)")).to_have_count(0, timeout=20_000)
        self.page.evaluate("window.dispatchEvent(new Event('afterprint'))")

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@contextmanager
def visiting(
    browser: Browser, *, width: int = 1440, height: int = 1000, is_dark: bool = False, has_reduced_motion: bool = False
) -> Iterator[Visit]:
    """A window of its own, with nothing remembered from another."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if is_dark else "light",
        reduced_motion="reduce" if has_reduced_motion else "no-preference",
    )
    try:
        yield Visit(context.new_page())
    finally:
        context.close()
