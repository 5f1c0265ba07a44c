"""What connections inherit from the socket they come in by."""

from __future__ import annotations

import socket

import pytest

from gateway.server.listening import CannotServeError, listen


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system does not say how long it waits")
def test_a_client_that_is_gone_without_a_word_is_noticed() -> None:
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle, every, times = (
                accepted.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
    assert idle + every * times == 120


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        with pytest.raises(CannotServeError, match=f"Port {port} of 127.0.0.1 is taken"):
            listen("127.0.0.1", port)
