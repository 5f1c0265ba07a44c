"""scripts/build_graphiql.py: what it takes from npm, and what it does when there is nothing to take."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.console.page import GRAPHIQL

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hook() -> Any:
    """The hook, loaded as hatchling loads it: as a file that is no module."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts/build_graphiql.py")))


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """npm without network and with nothing in its cache."""
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))


@pytest.fixture
def bad_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An npm that brings every package asked for, and none that is genuine."""
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1])\n"
        "for spec in [word for word in sys.argv[2:] if '@' in word]:\n"
        "    name, _, version = spec.rpartition('@')\n"
        "    (folder / f\"{name.lstrip('@').replace('/', '-')}-{version}.tgz\").write_bytes(b'not what it was')\n"
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")


def test_without_network_the_build_goes_on_and_leaves_the_reason(hook: Any, no_registry: None, tmp_path: Path) -> None:
    folder = tmp_path / "graphiql"
    reason = hook.ensure(folder, "auto")
    assert reason == "npm could not fetch its packages (ENOTCACHED)."
    assert [file.name for file in folder.iterdir()] == ["not-built.txt"]
    assert (folder / "not-built.txt").read_text() == f"{reason}\n"


def test_where_it_is_required_the_build_fails_with_all_that_npm_said(
    hook: Any, no_registry: None, tmp_path: Path
) -> None:
    with pytest.raises(hook.BuildError, match=r"ENOTCACHED[\s\S]*npm error"):
        hook.ensure(tmp_path / "graphiql", "require")


@pytest.mark.usefixtures("bad_registry")
def test_a_tarball_with_another_hash_is_not_opened(hook: Any, tmp_path: Path) -> None:
    folder = tmp_path / "graphiql"
    assert hook.ensure(folder, "auto") == "react 18.3.1 is not what it was: its hash differs."
    assert [file.name for file in folder.iterdir()] == ["not-built.txt"]


def test_skipping_keeps_what_is_there_and_fetches_nothing(hook: Any, no_registry: None, tmp_path: Path) -> None:
    assert "STOCKGATE_CONSOLE_BUILD=skip" in hook.ensure(tmp_path / "graphiql", "skip")
    (tmp_path / "graphiql/versions.json").write_text(json.dumps(hook.VERSIONS))
    for mode in ("skip", "auto", "require"):
        assert hook.ensure(tmp_path / "graphiql", mode) == ""


def test_other_versions_are_replaced(hook: Any, no_registry: None, tmp_path: Path) -> None:
    folder = tmp_path / "graphiql"
    folder.mkdir()
    (folder / "versions.json").write_text(json.dumps({**hook.VERSIONS, "react@1.0.0": "sha512-"}))
    assert hook.ensure(folder, "auto")
    assert not (folder / "versions.json").exists()


def test_what_is_built_is_whole_and_its_licences_are_with_it(hook: Any) -> None:
    if not hook.is_built(GRAPHIQL):
        assert not os.environ.get("CI"), "CI builds GraphiQL; see .ci/run"
        pytest.skip("GraphiQL is not built: STOCKGATE_CONSOLE_BUILD=require scripts/install")
    licences = (GRAPHIQL / "licences.txt").read_text()
    for package in hook.PACKAGES:
        assert f"{package.name} {package.version}\n" in licences
        for file in package.files.values():
            content = (GRAPHIQL / file).read_bytes()
            assert content
            assert b"sourceMappingURL" not in content[-200:]
    assert licences.count("Permission is hereby granted") >= 4


def test_without_npm_the_build_asks_for_the_one_in_a_python_package(
    hook: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STOCKGATE_CONSOLE_BUILD", raising=False)
    asking = SimpleNamespace(root=str(tmp_path))
    assert hook.GraphiQLHook.dependencies(asking) == [], "npm is here"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.GraphiQLHook.dependencies(asking) == [hook.NODE]
    monkeypatch.setenv("STOCKGATE_CONSOLE_BUILD", "skip")
    assert hook.GraphiQLHook.dependencies(asking) == []
    assert hook.ensure(tmp_path / "graphiql", "auto") == "there is no npm."
