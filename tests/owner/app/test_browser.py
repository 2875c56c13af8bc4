"""The local page in a real browser: the four steps, on a desktop and on a telephone.

`make test-browser` runs these tests: they need Chromium, which it installs where it can.
"""

from __future__ import annotations

import os
import sys
import threading

import pytest
from tests.owner import photos
from tests.owner.app.test_server import PALE
from tests.report.browser import chromium

from taggant.marking.quality import Quality
from taggant.owner import contact_sheet
from taggant.owner.app.server import App

pytestmark = pytest.mark.browser

WIDER = """() => [...document.querySelectorAll("body *:not(input)")].filter(one =>
  one.getBoundingClientRect().right > innerWidth + 0.5 || (one.clientWidth
  && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow !== "auto"))
  .map(one => one.outerHTML.slice(0, 80))"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page, opened; the current folder has pictures and a model."""
    from playwright.sync_api import sync_playwright

    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "pale", raising=False)
    (tmp_path / "pale.py").write_text(PALE)
    photos.folder(tmp_path / "raw", 6)
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with App() as served, sync_playwright() as playwright:
        thread = threading.Thread(target=served.serve_forever, args=(0.02,))
        thread.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=alone)
        opened = browser.new_page()
        opened.set_default_timeout(120_000)
        wrong: list[str] = []
        opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(served.url)
        yield opened
        browser.close()
        served.shutdown()
        thread.join()
        refused = "status of 400"  # what was filled in wrong, which the page says
        assert [text for text in wrong if refused not in text] == []
        own = (served.url, "data:")
        assert all(url.startswith(own) for url in asked), asked


def fits(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate(WIDER) == []
    shown = os.environ.get("TAGGANT_SCREENSHOTS")
    if shown:
        page.screenshot(path=f"{shown}/app-{width}.png", full_page=True)


def test_the_four_steps(page, tmp_path):
    page.click("#browse")
    page.wait_for_selector("#inside button")
    page.fill("#folder", str(tmp_path / "raw"))
    page.select_option("#reader", "64")
    page.click("[data-step=mark]")
    page.wait_for_selector("#mark.done #places code")
    page.wait_for_selector("#sheet:not([hidden])")
    assert len(list((tmp_path / "raw published").rglob("*.*"))) == 6
    assert len(page.text_content("#commitment code")) == 64

    page.fill("#model", "pale:logits")
    page.fill("#classes", "class0,class1")
    page.click("[data-step=audit]")
    page.wait_for_selector("#audit .answer:not([hidden])")
    assert "queries if none was used" in page.text_content("#audit pre")
    page.click("#audit .yes")
    page.wait_for_selector("#audit.done")
    page.click("[data-step=show]")
    page.wait_for_selector("#certificate:not([hidden])")
    for width in (400, 1280):
        fits(page, width)
    with page.expect_popup() as popup:
        page.click("#certificate")
    popup.value.wait_for_load_state()
    assert "Certificate of data use" in popup.value.title()


def test_the_contact_pages_slider_is_as_wide_as_its_picture(tmp_path):
    """Else its thumb is not where the line is, and a long name widens the page."""
    from playwright.sync_api import sync_playwright

    name = "long words " * 30 + "x" * 200
    pictures = photos.scene(1, 400, 300), photos.scene(2, 400, 300)
    sheet = tmp_path / "contact.html"
    sheet.write_bytes(contact_sheet.page([contact_sheet.Row(name, *pictures, Quality(30, 0.9, 9))]))
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=alone)
        for width, least in ((1280, 400), (360, 300)):
            opened = browser.new_page(viewport={"width": width, "height": 900})
            opened.goto(sheet.as_uri())
            picture, slider = (opened.locator(one).bounding_box() for one in (".pair", "input"))
            assert (slider["x"], slider["width"]) == (picture["x"], picture["width"])
            assert least <= picture["width"] <= 400
            assert opened.evaluate("document.documentElement.scrollWidth") == width
        browser.close()


def test_what_is_wrong_is_said_where_it_was_filled_in(page):
    page.fill("#folder", "/nowhere/at/all")
    page.click("[data-step=mark]")
    page.wait_for_selector("#mark .talk.failed")
    assert "no such folder" in page.text_content("#mark pre")
