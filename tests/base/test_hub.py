"""Hugging Face's hub where it is not reached."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from realmix.base import hub

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.urllib.request, "getproxies", dict)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def ask() -> bool:
    """Whether the hub is asked at all."""
    with hub.disk_alone_where_offline():
        return not constants.HF_HUB_OFFLINE


def test_a_server_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert ask()


def test_one_that_does_not_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed}")
    assert not ask()
    assert not constants.HF_HUB_OFFLINE
    said = pytest.raises(ConnectionError, match=r"127\.0\.0\.1 does not answer")
    with said, hub.disk_alone_where_offline():
        raise OSError("nothing on the disk")
    with pytest.raises(TypeError), hub.disk_alone_where_offline():
        raise TypeError("what else goes wrong is told as it is")
    assert not constants.HF_HUB_OFFLINE


def test_behind_a_proxy_the_server_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "https://no.such.server.invalid")
    monkeypatch.setattr(hub.urllib.request, "getproxies", lambda: {"https": "http://proxy:3128"})
    assert ask()


def test_a_file_on_the_disk_is_found_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import hf_hub_download

    commit = "0" * 40
    kept = tmp_path / "models--a--b"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(commit)
    (kept / "snapshots" / commit).mkdir(parents=True)
    (kept / "snapshots" / commit / "config.json").write_text("{}")
    monkeypatch.setattr(constants, "ENDPOINT", "https://no.such.server.invalid")
    with hub.disk_alone_where_offline():
        assert Path(hf_hub_download("a/b", "config.json", cache_dir=tmp_path)).read_text() == "{}"
