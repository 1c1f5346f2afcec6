"""Hugging Face's hub, without waiting where it is not reached."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_PATIENCE = 5.0  # seconds for its server to answer; its client tries for a minute


@contextmanager
def disk_alone_where_offline() -> Iterator[None]:
    """Have those who ask the hub look at the disk alone where its server is not reached.

    Raises:
        ConnectionError: it is not reached, and what was asked for is not on the disk.
    """
    from huggingface_hub import constants

    server = urlsplit(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE or _answers(server.hostname or "", server.port or 443):
        yield
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    except OSError as error:
        raise ConnectionError(f"{server.hostname} does not answer") from error
    finally:
        constants.HF_HUB_OFFLINE = False


def _answers(host: str, port: int) -> bool:
    if urllib.request.getproxies():  # then nothing here is reached directly
        return True
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except OSError:
        return False
    return True
