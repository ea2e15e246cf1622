"""Downloads, from a server on this machine: what is sound is kept, and nothing else is left behind."""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import requests

from corticalnet import data
from corticalnet.data.catalogue import CATALOGUE
from corticalnet.data.download import _secure
from corticalnet.errors import DataError


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; cuts short what is called so, and counts requests."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/endless/"):
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 16))
        elif self.path.startswith("/length/"):
            _, _, length, name = self.path.split("/")
            content = (Path(self.directory) / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", unquote(length))
            self.end_headers()
            self.wfile.write(content)
        elif self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", unquote(self.path.split("/")[2]))
            self.end_headers()
        elif self.path.startswith("/encoded/"):
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(b"not gzip")
        elif self.path.startswith("/short/"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"too little")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path, make):
    """A server of a tiny MNIST; yields its address, and ``asked``, the paths it was asked for."""
    make.idx(tmp_path / "served")
    handler = type("Handler", (Quiet,), {"asked": []})
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "served"))
    ) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.address, running.asked = f"http://127.0.0.1:{running.server_port}/", handler.asked
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Let mnist's archives have these addresses, and the checksums of what is served."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def change(base: str, **wrong: object) -> None:
        def moved(archive):
            md5 = hashlib.md5((tmp_path / "served" / archive.name).read_bytes()).hexdigest()
            size = wrong.get("size", archive.size)
            return replace(archive, url=base + archive.name, size=size, md5=wrong.get("md5", md5))

        mnist = CATALOGUE["mnist"]
        monkeypatch.setitem(CATALOGUE, "mnist", replace(mnist, archives=tuple(map(moved, mnist.archives))))

    return change


def everything(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_load_downloads_to_the_cache(server, publish, cache, make, capfd):
    publish(server.address)
    assert len(data.load("mnist", validation=0).train) == 30
    assert everything(cache) == sorted(make.names)
    asked = len(server.asked)
    assert asked == 4
    assert len(data.load("mnist", validation=0).train) == 30
    assert len(server.asked) == asked
    assert data.describe("mnist").available
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("progress", [True, False])
def test_progress_bar(server, publish, tmp_path, make, capfd, caplog, progress):
    publish(server.address)
    with caplog.at_level(logging.INFO):
        assert data.fetch("mnist", folder=tmp_path / "mine", progress=progress) == tmp_path / "mine"
    assert everything(tmp_path / "mine") == sorted(make.names)
    shown = capfd.readouterr().err
    assert all((name in shown) == progress for name in make.names)
    assert not [record for record in caplog.records if record.name == "pooch"]


def test_only_what_is_missing_or_damaged_is_fetched(server, publish, cache, make):
    publish(server.address)
    data.fetch("mnist", progress=False)
    server.asked.clear()
    (cache / "mnist" / make.names[1]).unlink()
    (cache / "mnist" / make.names[3]).write_bytes(b"damaged")
    data.fetch("mnist", progress=False)
    assert server.asked == ["/" + make.names[1], "/" + make.names[3]]
    assert len(data.load("mnist").test) == 12


def test_wrong_checksum_leaves_nothing(server, publish, cache):
    publish(server.address, md5="0" * 32)
    with pytest.raises(DataError, match=rf"train-images.*found md5 \w{{32}}, expected {'0' * 32}.*not kept"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


def test_wrong_checksum_does_not_replace_what_is_there(server, publish, tmp_path, make):
    make.idx(tmp_path / "mine")
    before = (tmp_path / "mine" / make.names[0]).read_bytes()
    publish(server.address, md5="0" * 32)
    with pytest.raises(DataError, match="not kept"):
        data.fetch("mnist", folder=tmp_path / "mine", progress=False)
    assert everything(tmp_path / "mine") == sorted(make.names)
    assert (tmp_path / "mine" / make.names[0]).read_bytes() == before


def test_transfer_cut_short_leaves_nothing(server, publish, cache):
    publish(server.address + "short/")
    with pytest.raises(DataError, match=r"train-images"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


@pytest.mark.parametrize("lie", ["many", "-1", "", "9" * 5000])
def test_a_length_that_is_none_is_not_believed(server, publish, cache, make, lie):
    """What comes is read to the end of the connection; the checksum decides."""
    publish(f"{server.address}length/{lie}/")
    data.fetch("mnist", progress=False)
    assert everything(cache) == sorted(make.names)


@pytest.mark.parametrize("lie", ["100", "+7", "9" * 20, "1, 2"])
def test_a_length_that_is_wrong_leaves_nothing(server, publish, cache, lie):
    publish(f"{server.address}length/{quote(lie)}/")
    with pytest.raises(DataError, match=r"train-images"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


def test_no_more_is_received_than_an_archive_has(server, publish, cache):
    publish(server.address + "endless/", size=1000)
    with pytest.raises(DataError, match=r"train-images.*found more than 1000 bytes.*not kept"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


def test_sizes_are_those_of_the_published_files():
    """As the sets' pages and other programs have them; each set's sum is what `download` says in MB."""
    for dataset in CATALOGUE.values():
        if dataset.archives:
            total = sum(archive.size for archive in dataset.archives) / 1e6
            assert f"{total:.0f} MB" == dataset.download


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/x", "gopher://x", "http://[", ""])
def test_a_server_that_sends_us_elsewhere(server, publish, cache, place):
    publish(f"{server.address}to/{quote(place, safe='')}/")
    with pytest.raises(DataError, match=r"train-images"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


@pytest.mark.parametrize("place", ["http://b/x", "https://b/x"])
def test_an_encrypted_address_stays_encrypted(place):
    first, last = requests.Response(), requests.Response()
    first.url, last.url, last.history = "https://a/x", place, [first]
    if place.startswith("https"):
        _secure(first.url, last)
    else:
        with pytest.raises(
            DataError, match="https://a/x: the server sends us on to http://b/x, which is not"
        ):
            _secure(first.url, last)


def test_an_encoding_that_is_none_leaves_nothing(server, publish, cache):
    publish(server.address + "encoded/")
    with pytest.raises(DataError, match=r"train-images"):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


def test_interruption_leaves_nothing(server, publish, cache, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    publish(server.address)
    monkeypatch.setattr("corticalnet.progress.Transfer.update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data.fetch("mnist", progress=False)
    assert everything(cache) == []


def test_server_without_the_file(server, publish, cache):
    publish(server.address + "nowhere/")
    with pytest.raises(DataError, match=r"cannot download train-images.*127\.0\.0\.1 answered 404"):
        data.load("mnist")
    assert everything(cache) == []


def test_no_network(server, publish, cache):
    publish("http://127.0.0.1:1/")
    with pytest.raises(
        DataError, match=r"cannot download train-images.*no connection to 127\.0\.0\.1"
    ) as error:
        data.load("mnist")
    assert "\n" not in str(error.value)
    assert everything(cache) == []


def test_folder_that_cannot_be_made(server, publish, tmp_path):
    publish(server.address)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write train-images.* to .*file/mnist"):
        data.fetch("mnist", folder=tmp_path / "file" / "mnist", progress=False)


def test_folder_that_cannot_be_written_to(server, publish, cache, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    publish(server.address)
    monkeypatch.setattr("pooch.core.make_local_storage", refuse)
    with pytest.raises(DataError, match=r"cannot write train-images.*Permission denied"):
        data.fetch("mnist", progress=False)


def test_home_is_understood(server, publish, tmp_path, monkeypatch, make):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CORTICALNET_DATA", "~/mine")
    publish(server.address)
    assert data.fetch("mnist", progress=False) == tmp_path / "mine" / "mnist"
    assert everything(tmp_path / "mine") == sorted(make.names)
