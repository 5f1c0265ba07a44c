"""schemathesis asks every REST route whatever /openapi.json allows, and what it does not, with all of its checks.

No 5xx, no status, header or shape that is not described, nothing invalid taken, nothing valid refused as malformed, no
route without its credentials. Every case is sent to a running server, whose log says in the end that nothing broke.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from tests.conformance.conftest import serving_on
from tests.conformance.serving import Served
from tests.conftest import ENGINES

REFUSED: Final = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "422"]
"""What is well-formed may be refused by the inventory, for what it is."""
MALFORMED_BY_CONTENT: Final = "^/(graphql|api/product|wp-json/wc)"
"""Routes whose contract says 400 to what JSON schema cannot tell apart: a document, a field that counts as missing."""
MALFORMED: Final = ["400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "422"]


def _expecting(refused: list[str]) -> dict[str, Any]:
    return {
        "positive_data_acceptance": {"expected-statuses": refused},
        "negative_data_rejection": {"expected-statuses": MALFORMED},
    }


class Fuzzed:
    """A server of which every described route is asked, with credentials of every scheme."""

    def __init__(self, server: Served) -> None:
        self.server = server
        self.session = requests.Session()
        base = server.url.removesuffix("/graphql")
        document = self.session.get(f"{base}/openapi.json", timeout=30).json()
        schemes = {
            name: self._credentials(scheme) for name, scheme in document["components"]["securitySchemes"].items()
        }
        config = {
            "auth": {"openapi": schemes},
            "checks": _expecting(REFUSED),
            "operations": [{"include-path-regex": MALFORMED_BY_CONTENT, "checks": _expecting([*REFUSED, "400"])}],
        }
        loaded = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
        loaded.config.update(base_url=base)
        self.cases = st.one_of(
            operation.ok().as_strategy(mode)
            for operation in loaded.get_all_operations()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        )

    def __repr__(self) -> str:
        return "<fuzzed server>"

    def _credentials(self, scheme: dict[str, Any]) -> dict[str, str]:
        match scheme:
            case {"type": "apiKey", "name": "X-Webhook-Secret"}:
                return {"api_key": self.server.webhook_secret}
            case {"type": "apiKey"}:
                return {"api_key": self.server.key}
            case {"scheme": "bearer"}:
                return {"bearer": self.server.key}
            case _:
                return {"username": "fuzz", "password": self.server.key}

    def check(self, case: schemathesis.Case) -> None:
        """Send it, and have its answer checked in every way.

        Whether credentials are needed is asked by sending it again without: what was deleted for good is then not
        there, which wc/v3 tells anybody.
        """
        is_gone = case.method == "DELETE" and case.path.startswith("/wp-json/wc/")
        excluded = [ignored_auth] if is_gone else []
        if is_gone and "/webhooks/" in case.path:  # without `force` it is 501: that is the contract
            excluded += [not_a_server_error, positive_data_acceptance, negative_data_rejection]
        case.call_and_validate(session=self.session, excluded_checks=excluded)


@pytest.fixture(scope="module", params=ENGINES)
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """A server of its own, once per engine."""
    with serving_on(request, tmp_path_factory, mode="development") as server:
        yield Fuzzed(server)


def fuzz(fuzzed: Fuzzed, cases: int, **options: Any) -> None:
    """That many cases; then the log is looked at."""
    asked = 0

    @given(case=fuzzed.cases)
    @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, **options)
    def check(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        fuzzed.check(case)

    check()
    assert asked >= cases
    assert fuzzed.server.failures() == []


@pytest.mark.parametrize("fuzzed", ["sqlite"], indirect=True)
def test_no_case_that_schemathesis_makes_is_answered_other_than_described(fuzzed: Fuzzed) -> None:
    """Always the same cases: those of the campaign are others each time."""
    fuzz(fuzzed, 60, phases=[Phase.generate], derandomize=True, database=None)


@pytest.mark.campaign
def test_no_case_of_five_thousand_is_answered_other_than_described(fuzzed: Fuzzed) -> None:
    fuzz(fuzzed, 5000)
