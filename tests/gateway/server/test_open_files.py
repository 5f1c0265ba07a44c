"""How many connections a process may have open is checked before it has any."""

from __future__ import annotations

import pytest

from gateway.server.listening import CannotServeError
from gateway.server.open_files import make_room
from gateway.settings import Settings

resource = pytest.importorskip("resource")


@pytest.mark.parametrize("soft", [256, 100_000])
def test_the_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, 200_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, limits: raised.append(limits))
    make_room(Settings(connections_max=4000))
    assert raised == ([(4194, 200_000)] if soft == 256 else [])


def test_too_many_connections_for_this_machine_are_refused_with_the_number_it_can_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1024, 4096))
    with pytest.raises(CannotServeError, match=r"STOCKGATE_CONNECTIONS_MAX=4000 .* at most 3902\."):
        make_room(Settings(connections_max=4000))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, _limits: None)
    make_room(Settings(connections_max=3902))
