"""GraphiQL in a real browser, on a real server: it works, asks nobody else, and keeps no key."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    Route,
    WebSocket,
    expect,
)

from gateway.console import tabs
from gateway.console.page import GRAPHIQL
from gateway.console.page import Page as PlainPage
from tests.browsing import Seen, needed
from tests.serving import Demo, serving_demo

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
_SIZE = {"width": 1600, "height": 900}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    needed((GRAPHIQL / "versions.json").exists(), "GraphiQL: STOCKGATE_CONSOLE_BUILD=require scripts/install")
    with serving_demo(tmp_path_factory.mktemp("console")) as demo:
        yield demo


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for all tests, for its cache of our files."""
    context = browser.new_context(viewport=_SIZE)
    context.set_default_timeout(30_000)
    expect.set_options(timeout=15_000)  # CI is busy
    yield context
    context.close()


@pytest.fixture
def seen(demo: Demo) -> Seen:
    return Seen(demo.base)


@pytest.fixture
def page(context: BrowserContext, demo: Demo, seen: Seen) -> Iterator[Page]:
    """GraphiQL on a first visit, ready. At the end nobody else was asked, and nothing was complained of."""
    page = context.new_page()
    seen.watch(page)
    page.goto(f"{demo.base}/schema.graphql")
    page.evaluate("localStorage.clear()")
    page.goto(f"{demo.base}/graphql")
    expect(_run_button(page)).to_be_visible()
    yield page
    page.close()
    assert len(seen.requests) > 10
    assert seen.elsewhere == []
    assert seen.complaints == []


def _run_button(page: Page) -> Locator:
    return page.locator(".graphiql-execute-button")


def _result(page: Page) -> Locator:
    return page.locator(".result-window")


def _open_tab(page: Page, title: str) -> None:
    tab = page.get_by_role("tab", name=re.compile(rf"^{title}\b"))
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


def _is_operation(request: Request) -> bool:
    """Asked for by the button: GraphiQL asks for the schema by itself, whenever it likes."""
    asked = request.post_data or ""
    return request.method == "POST" and request.url.endswith("/graphql") and "IntrospectionQuery" not in asked


def _run(page: Page) -> dict[str, Any]:
    """Press the button; what came over the wire is shown."""
    with page.expect_response(lambda response: _is_operation(response.request)) as answered:
        _run_button(page).click()
    answer: dict[str, Any] = answered.value.json()
    expect(_result(page)).to_contain_text(next(iter(answer)))
    return answer


def _keeps(page: Page) -> str:
    """All that the browser keeps of the page."""
    kept: str = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    return kept


def _wait_until_kept(page: Page, kept: Callable[[dict[str, Any]], bool]) -> None:
    """Until GraphiQL has written its tabs down: it does so half a second after a change."""
    for _ in range(100):
        if kept(state := page.evaluate("JSON.parse(localStorage['graphiql:tabState'] ?? '{}')")):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not kept: {state}")


def _operation_name(tab: tabs.Tab) -> str:
    return re.search(r"^(?:query|mutation|subscription) (\w+)", tab.query, re.MULTILINE)[1]  # type: ignore[index]


SUBSCRIPTIONS = [tab for tab in tabs.load() if re.search(r"^subscription ", tab.query, re.MULTILINE)]
CHANGE = """mutation ($reference: String!) {
    inventoryUpdate(input: {product: {sku: "RIDGE-42"}, location: {id: 1}, adjust: 1, reference: $reference}) {
        userErrors { code } } }"""


def test_explorer_result_and_documentation_stand_side_by_side(
    page: Page, record_property: Callable[[str, object], None]
) -> None:
    _open_tab(page, "StockEverywhere")
    answer = _run(page)
    assert answer["data"]["product"]["name"] == "Ridge Hiking Boot - 42, Regular"
    explorer = page.locator(".graphiql-explorer-root")
    expect(explorer).to_contain_text("stockLevels")
    docs = page.locator("#docs")
    docs.get_by_role("link", name="Query").click()
    expect(docs).to_contain_text("One product or variation, by exactly one of its keys")
    expect(_result(page)).to_contain_text("Kyiv Podil")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "graphiql.png")
    record_property("artefact", str(ARTEFACTS / "graphiql.png"))
    boxes = [part.bounding_box() for part in (explorer, _result(page), docs)]
    assert all(box and box["width"] > 200 and box["height"] > 200 for box in boxes)
    edges = [(box["x"], box["x"] + box["width"]) for box in boxes if box]
    assert edges[0][1] <= edges[1][0]
    assert edges[1][1] <= edges[2][0]


def test_every_example_runs_against_the_demo(page: Page) -> None:
    for tab in tabs.load():
        if tab in SUBSCRIPTIONS:
            continue  # it has a test of its own
        _open_tab(page, _operation_name(tab))
        answer = _run(page)
        assert "errors" not in answer, answer
        for value in answer["data"].values():
            assert value, answer
            assert value.get("userErrors", []) == [], answer
            assert value.get("nodes", [...]) != [], answer
        page.wait_for_timeout(600)  # the editors look for mistakes half a second after a change
        expect(page.locator(".CodeMirror-lint-mark-error")).to_have_count(0)


@pytest.mark.parametrize("tab", SUBSCRIPTIONS, ids=_operation_name)
def test_a_subscription_shows_a_change_as_it_happens(page: Page, demo: Demo, seen: Seen, tab: tabs.Tab) -> None:
    _open_tab(page, _operation_name(tab))
    sockets: list[WebSocket] = []
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:  # from its first frame on
        sockets.append(socket)
        socket.on("framereceived", lambda frame: frames.append(str(frame)))

    page.on("websocket", listen)
    _run_button(page).click()
    for _ in range(150):
        if any("connection_ack" in frame for frame in frames):
            break
        page.wait_for_timeout(100)
    assert [socket.url for socket in sockets] == [f"{demo.base.replace('http', 'ws')}/graphql"]
    assert any("connection_ack" in frame for frame in frames)
    change = {"query": CHANGE, "variables": {"reference": (reference := f"test {secrets.token_hex(4)}")}}
    for _ in range(20):  # the subscription begins a moment after it was asked for, and tells no past
        page.request.post(f"{demo.base}/graphql", data=change, headers={"X-API-Key": demo.key})
        try:
            expect(_result(page)).to_contain_text(reference, timeout=500)
            break
        except AssertionError:
            continue
    expect(_result(page)).to_contain_text(reference)
    expect(_result(page)).to_contain_text('"delta": 1')
    _run_button(page).click()  # stops it
    assert any(url.startswith("ws://") for url in seen.requests)


@pytest.mark.parametrize("tab", SUBSCRIPTIONS, ids=_operation_name)
def test_a_subscription_that_is_refused_for_its_key_is_told_where_the_key_is_typed(
    page: Page, seen: Seen, tab: tabs.Tab
) -> None:
    page.locator("#api-key").fill("sgk_wrong")
    _open_tab(page, _operation_name(tab))
    _run_button(page).click()
    expect(page.locator("#api-key")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key-note")).to_contain_text("not valid")
    expect(_result(page)).to_contain_text("Socket closed with event 44")
    [complaint] = seen.complaints  # GraphiQL throws what it shows
    assert "Socket closed with event 44" in complaint
    seen.complaints.clear()


def test_a_query_that_is_typed_is_completed_from_the_schema_and_run(page: Page) -> None:
    page.get_by_role("button", name="Add tab").click()
    editor = page.locator(".graphiql-query-editor .CodeMirror")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("{ loc")
    page.keyboard.press("Control+Space")
    expect(page.locator(".CodeMirror-hints")).to_contain_text("locations")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+A")
    page.keyboard.type("{ locations { slug } }")
    with page.expect_response(lambda response: _is_operation(response.request)) as answered:
        page.keyboard.press("Control+Enter")
    assert len(answered.value.json()["data"]["locations"]) == 5
    expect(_result(page)).to_contain_text("kyiv-podil")


def test_the_demo_s_key_is_filled_in_and_kept_nowhere(page: Page, demo: Demo) -> None:
    field = page.locator("#api-key")
    expect(field).to_have_value(demo.key)
    page.get_by_role("button", name="Headers").click()
    page.locator("[aria-label='Headers'] .graphiql-editor:not(.hidden) .CodeMirror").click()
    page.keyboard.type(json.dumps({"X-Note": demo.key}))
    with page.expect_request(_is_operation) as asked:
        _run_button(page).click()
    assert asked.value.headers["x-api-key"] == demo.key
    assert asked.value.headers["x-note"] == demo.key
    expect(_result(page)).to_contain_text("RIDGE-42")
    page.get_by_role("button", name="Show History").click()
    expect(page.locator(".graphiql-history-item-label")).to_have_text("ProductBySku")
    page.locator(".graphiql-query-editor .CodeMirror").click()
    page.keyboard.type("#after the header")
    _wait_until_kept(page, lambda state: "#after the header" in str(state))
    kept = _keeps(page)
    assert "graphiql:queries" in kept
    assert demo.key not in kept


def test_a_missing_key_and_a_wrong_one_are_told_where_the_key_is_typed(page: Page, seen: Seen) -> None:
    field, note = page.locator("#api-key"), page.locator("#key-note")
    for key, told in (("", "A key is needed"), ("sgk_wrong", "Not a valid key")):
        field.fill(key)
        assert _run(page)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        expect(note).to_have_text(told)
        expect(field).to_have_attribute("aria-invalid", "true")
        [complaint] = seen.complaints
        assert "401" in complaint
        seen.complaints.clear()


def test_tabs_stay_and_the_examples_come_back_when_asked_for(page: Page, demo: Demo) -> None:
    everything = page.locator(".graphiql-tabs [role=tab]")
    expect(everything).to_have_count(len(tabs.NAMES))
    _open_tab(page, "StockEverywhere")
    page.get_by_role("button", name="Close Tab").first.click()
    expect(everything).to_have_count(len(tabs.NAMES) - 1)
    _wait_until_kept(page, lambda state: len(state.get("tabs", [])) == len(tabs.NAMES) - 1)
    page.goto(f"{demo.base}/console")
    expect(everything).to_have_count(len(tabs.NAMES) - 1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Examples").click()
    expect(everything).to_have_count(len(tabs.NAMES))
    assert _run(page)["data"]["product"]["sku"] == "RIDGE-42"


def test_a_link_with_a_query_opens_it_and_does_not_run_it(page: Page, demo: Demo, seen: Seen) -> None:
    page.goto(f"{demo.base}/graphql?query=query%20Linked%20%7B%20locations%20%7B%20name%20%7D%20%7D")
    expect(page.get_by_role("tab", name="Linked")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".graphiql-query-editor")).to_contain_text("locations")
    assert not [url for url in seen.requests if url == f"{demo.base}/graphql"][1:]
    assert len(_run(page)["data"]["locations"]) == 5


def test_the_sidebar_s_documentation_leaves_the_explorer_open_and_dialogs_do_no_harm(page: Page) -> None:
    page.get_by_role("button", name="Docs", exact=True).click()
    expect(page.locator("#docs")).to_be_hidden()
    page.get_by_role("button", name="Show Documentation Explorer").click()
    expect(page.locator("#docs")).to_be_visible()
    expect(page.locator(".graphiql-explorer-root")).to_be_visible()
    for dialog in ("Open settings dialog", "Open short keys dialog"):
        page.get_by_role("button", name=dialog).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_below_a_root_path_everything_is_found(context: BrowserContext, demo: Demo) -> None:
    """A proxy serves it as http://shop.test/stock/…, and hands on what is behind /stock."""
    public = "http://shop.test/stock"
    strays = []

    def proxy(route: Route) -> None:
        if not route.request.url.startswith(f"{public}/"):
            strays.append(route.request.url)
            route.abort()
            return
        route.fulfill(response=route.fetch(url=demo.base + route.request.url.removeprefix(public)))

    page = context.new_page()
    page.route("**", proxy)
    page.goto(f"{public}/console")
    expect(page.locator("#api-key")).to_have_value("")  # not for the world outside
    page.locator("#api-key").fill(demo.key)
    assert _run(page)["data"]["product"]["sku"] == "RIDGE-42"
    page.close()
    assert strays == []


def test_without_graphiql_the_plain_page_runs_an_operation(
    context: BrowserContext, demo: Demo, seen: Seen, tmp_path: Path
) -> None:
    plain = PlainPage(tmp_path, key_offered=True)

    def serve(route: Route) -> None:
        name = urlsplit(route.request.url).path.removeprefix("/console").removeprefix("/assets/")
        response = plain.assets.respond(name, gzip=False) if name else plain.respond()
        route.fulfill(body=bytes(response.body), headers=dict(response.headers))

    page = context.new_page()
    seen.watch(page)
    page.route(re.compile(r"/console$|/console/assets/"), serve)
    page.goto(f"{demo.base}/console")
    expect(page.get_by_role("heading", name="GraphiQL is not built")).to_be_visible()
    expect(page.locator("#api-key")).to_have_value(demo.key)
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result")).to_contain_text("Kyiv Podil")
    page.locator("#api-key").fill("")
    page.locator("#query").fill("{ locations { name } }")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result")).to_contain_text("An API key is needed")
    page.close()
    assert seen.elsewhere == []
    assert [complaint for complaint in seen.complaints if "401" not in complaint] == []
