"""A browser for the pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "examples" / "chat_pages"))

FLAGS = ("--no-sandbox --disable-gpu --disable-quic --no-first-run "
         "--disable-background-networking --disable-component-update --disable-sync")  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium, with a new empty profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS.split()
        )
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """Open a tab that loads nothing from elsewhere."""
    context = browser.new_context()
    tab = context.new_page()
    elsewhere: list[str] = []
    tab.on("request", lambda request: _note(request.url, elsewhere))
    yield tab
    context.close()
    assert not elsewhere, elsewhere


def _note(url: str, elsewhere: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:")):
        elsewhere.append(url)
