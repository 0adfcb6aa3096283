"""Pages in a real browser: Debian's Chromium, driven by Playwright; what a page asked for and complained of is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("no-first-run", "background-networking", "component-update", "sync", "quic", "gpu")
ARGUMENTS = ["--no-sandbox", *(f"--{'' if what.startswith('no-') else 'disable-'}{what}" for what in QUIET)]
DESKTOP, PHONE = (1200, 800), (360, 740)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; skip the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: .ci/browser installs it")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, site: Path, *, scheme: str = "light", size: tuple[int, int] = DESKTOP) -> Iterator[Any]:
    """Yield a page without any address yet; at its end, it must have complained of nothing and stayed on the disk."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    page, complaints, requests = context.new_page(), [], []
    page.set_default_timeout(20_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    try:
        yield page
        assert complaints == [], complaints
        outside = [url for url in requests if not url.startswith((site.as_uri(), "data:"))]
        assert requests
        assert outside == [], outside
    finally:
        context.close()


def keep(page: Any, name: str, folder: Path) -> None:
    """Keep a picture of the whole page in the folder ITBENCH_SCREENSHOTS, by default a temporary one."""
    kept = Path(os.environ.get("ITBENCH_SCREENSHOTS") or folder)
    kept.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=kept / f"{name}.png", full_page=True)
