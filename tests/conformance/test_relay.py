"""Relay's compiler takes the SDL, with its Node and connections, and the server answers what it makes of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

import schema
from tests.conformance.conftest import HERE, Node
from tests.conformance.serving import Served


@pytest.fixture(scope="session")
def compiled(node: Node, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The operations of the project in relay/ as relay-compiler writes them, by name."""
    project = tmp_path_factory.mktemp("relay") / "project"
    shutil.copytree(HERE / "relay", project)
    (project / "artifacts").mkdir()
    (project / "persisted.json").write_text("{}")
    (project / "schema.graphql").write_text(schema.sdl())
    done = subprocess.run(
        [HERE / "node_modules/.bin/relay-compiler", "relay.config.json"],
        cwd=project, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return _by_name(project / "persisted.json")


def _by_name(persisted: Path) -> dict[str, str]:
    texts = json.loads(persisted.read_text())
    assert texts == {hashlib.sha256(text.encode()).hexdigest(): text for text in texts.values()}
    return {text.split()[1].partition("(")[0]: text for text in texts.values()}


def ask(server: Served, query: str, **variables: Any) -> Any:
    headers = {"X-API-Key": server.key}
    answer = httpx.post(server.url, json={"query": query, "variables": variables}, headers=headers).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_what_relay_compiles_pages_refetches_and_mutates(compiled: dict[str, str], server: Served) -> None:
    assert set(compiled) == {
        "CatalogueNextPageQuery", "CatalogueQuery", "ProductAdjustMutation", "ProductRefetchQuery"
    }  # fmt: skip
    every = ask(server, compiled["CatalogueQuery"], search="ridge")["products"]["edges"]
    page = {"search": "ridge", "first": None, "after": None, "last": None, "before": None}
    first = ask(server, compiled["CatalogueNextPageQuery"], **{**page, "first": 2})["products"]
    forth = {**page, "first": 2, "after": first["pageInfo"]["endCursor"]}
    second = ask(server, compiled["CatalogueNextPageQuery"], **forth)["products"]
    assert first["edges"] + second["edges"] == every[:4]
    back = {**page, "last": 2, "before": second["pageInfo"]["startCursor"]}
    assert ask(server, compiled["CatalogueNextPageQuery"], **back)["products"]["edges"] == first["edges"]

    boot = second["edges"][0]["node"]
    refetched = ask(server, compiled["ProductRefetchQuery"], id=boot["id"])["node"]
    assert refetched == boot | {"__typename": "Product"}

    line = {"product": {"id": boot["id"]}, "location": {"slug": "lviv-rynok"}, "adjust": 1}
    changed = ask(server, compiled["ProductAdjustMutation"], input=line)["inventoryUpdate"]
    assert changed["userErrors"] == []
    assert changed["stockLevel"]["product"]["onHand"] == boot["onHand"] + 1
