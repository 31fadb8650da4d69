"""A page in a real browser: what it says to its console, what it asks for, what is on it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass
class Watched:
    """What a page did that somebody should know."""

    page: Page
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Open an address and wait until all charts were drawn."""
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready]", timeout=120_000)


@contextmanager
def browser(width: int = 1280, *, dark: bool = False) -> Iterator[Watched]:
    """A window of a width, without a network."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium here: apt-get install chromium")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=FLAGS)
        scheme = "dark" if dark else "light"
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        watched = Watched(page)
        page.on("console", lambda message: watched.told.append(message.text))
        page.on("pageerror", lambda error: watched.told.append(str(error)))
        page.on("request", lambda request: watched.asked.append(request.url))
        yield watched
        chromium.close()
