"""schemathesis asks whatever the schema allows, and what it does not: the server is never broken by it.

Every case is sent to a running server: no 5xx, no error that says nothing but that something went wrong, nothing in the
server's log, and data that is what the schema says.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from tests.conformance.conformity import conforms
from tests.conformance.conftest import serving_on
from tests.conformance.documents import tamed, with_type_names
from tests.conformance.serving import Served, issue_key
from tests.conftest import ENGINES

CODES = {
    "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "FORBIDDEN", "QUERY_TOO_COMPLEX",
}  # fmt: skip
NUMBERS = [0, 1, 2, 5, 10, 250, 251, -1, 1_000_000_000, 2**31 - 1]
PREFERENCES = {
    "dictionaries": {"numbers": {"values": NUMBERS}},
    "generation": {"dictionaries": {"integer": {"dictionary": "numbers", "probability": 0.5}}},
}


class Fuzzed:
    """A server that is asked everything, and a key of it. A case may revoke the key: then there is another one."""

    def __init__(self, server: Served) -> None:
        self.server, self.key = server, server.key
        self.session = requests.Session()
        self.asked = schemathesis.graphql.from_url(
            server.url, headers={"X-API-Key": server.key}, config=SchemathesisConfig.from_dict(PREFERENCES)
        )
        self.cases = st.one_of(
            operation.ok().as_strategy(mode)
            for operation in self.asked.get_all_operations()
            for mode in [GenerationMode.POSITIVE] * 3 + [GenerationMode.NEGATIVE]
        )

    def __repr__(self) -> str:
        return "<fuzzed server>"

    def check(self, case: schemathesis.Case, seed: int) -> None:
        """Send it, and look at the answer. One in six is left wild, and so is what is wrong on purpose."""
        is_wrong = case.meta.generation.mode is GenerationMode.NEGATIVE
        chance = Random(seed)  # noqa: S311 (examples)
        is_wild = is_wrong or chance.random() < 1 / 6
        text = case.body = with_type_names(case.body if is_wild else tamed(case.body, chance))
        answer = self.send(case)
        assert answer.status_code < 500, text
        result: dict[str, Any] = answer.json()
        for error in result.get("errors", []):
            assert error["extensions"]["code"] in CODES, (text, error)
        if "errors" not in result:
            assert conforms(text, result["data"]) == [], text
        assert "errors" in result or not is_wrong, text

    def send(self, case: schemathesis.Case) -> schemathesis.Response:
        """Send it with a key that is valid."""
        answer = case.call(session=self.session, headers={"X-API-Key": self.key})
        if answer.status_code == 401:
            self.key = issue_key(self.server.database_url)
            answer = case.call(session=self.session, headers={"X-API-Key": self.key})
        return answer


@pytest.fixture(scope="module", params=ENGINES)
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """A server of its own, once per engine: no other test should meet what this one leaves behind."""
    with serving_on(request, tmp_path_factory) as server:
        yield Fuzzed(server)


def fuzz(fuzzed: Fuzzed, cases: int, **options: Any) -> None:
    """That many cases; then the log is looked at."""
    asked = 0

    @given(case=fuzzed.cases, seed=st.integers(0, 2**32))
    @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, **options)
    def check(case: schemathesis.Case, seed: int) -> None:
        nonlocal asked
        asked += 1
        fuzzed.check(case, seed)

    check()
    assert asked >= cases
    assert fuzzed.server.failures() == []


def test_no_case_that_schemathesis_makes_breaks_the_server(fuzzed: Fuzzed) -> None:
    fuzz(fuzzed, 100, phases=set(Phase) - {Phase.shrink, Phase.explain})


@pytest.mark.campaign
def test_no_case_of_two_thousand_that_schemathesis_makes_breaks_the_server(fuzzed: Fuzzed) -> None:
    fuzz(fuzzed, 2000)
