"""Fetch a set's archives with pooch: to a temporary file, checked, and only then put in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pooch
import requests
import urllib3

from corticalnet.data import files
from corticalnet.data.description import Archive, Dataset
from corticalnet.errors import DataError
from corticalnet.progress import Transfer, downloading

Downloader = Callable[[str, str, object], None]
_CHUNK, _TIMEOUT = 1 << 16, 30


def _reason(error: Exception, url: str) -> str:
    """Describe in a few words why a request failed; requests itself takes many."""
    host = urlsplit(url).hostname
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"{host} did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{host} sent less than it announced"
    if isinstance(error, requests.ConnectionError):
        return f"no connection to {host}"
    return f"{type(error).__name__} from {host}"


def _checked(archive: Archive, bar: Transfer) -> Downloader:
    """Return a downloader that takes no more than the archive's size, and compares its checksum.

    A server may announce anything: what it says is believed for the progress bar alone.
    """

    def download(url: str, output: str, cache: object) -> None:
        with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            _secure(url, response)
            announced = response.headers.get("content-length", "")
            known = announced.isascii() and announced.isdigit()
            bar.expect(min(int(announced[:18]), archive.size) if known else archive.size)
            with open(output, "wb") as file:
                _receive(archive, response, file, bar)
        found = files.md5(Path(output))
        if found not in archive.checksums:
            raise DataError(f"{url}: found md5 {found}, expected {archive.md5}; the download was not kept")

    return download


def _secure(url: str, response: requests.Response) -> None:
    """Check that an encrypted address was not exchanged for another kind on the way."""
    schemes = {urlsplit(each.url).scheme for each in (*response.history, response)}
    if urlsplit(url).scheme == "https" and schemes != {"https"}:
        raise DataError(f"{url}: the server sends us on to {response.url}, which is not encrypted")


def _receive(archive: Archive, response: requests.Response, file: BinaryIO, bar: Transfer) -> None:
    received = 0
    for chunk in response.iter_content(_CHUNK):
        received += len(chunk)
        if received > archive.size:
            most = f"found more than {archive.size} bytes, expected so many"
            raise DataError(f"{archive.url}: {most}; the download was not kept")
        file.write(chunk)
        bar.update(len(chunk))


def _get(archive: Archive, folder: Path, bar: Transfer) -> None:
    try:
        pooch.retrieve(
            archive.url,
            known_hash=f"md5:{archive.md5}",
            fname=archive.name,
            path=folder,
            downloader=_checked(archive, bar),
        )
    except DataError:
        raise
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ValueError,
    ) as error:  # (of bad addresses)
        reason = _reason(error, archive.url)
        hint = "put it in a folder by other means and give that folder"
        raise DataError(f"cannot download {archive.name} from {archive.url}: {reason}; {hint}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"cannot write {archive.name} to {folder}: {reason}") from error


def download(dataset: Dataset, folder: Path, progress: bool = True) -> Path:
    """Fetch what ``folder`` lacks of the set's archives; a file with a wrong checksum is replaced.

    Raises DataError when the network, the server, the checksum or the folder says no; no file is
    then left half-written.
    """
    # pooch logs each file; the bars and our own errors say all there is to say.
    pooch.get_logger().setLevel("WARNING")
    with downloading(progress) as bars:
        for archive in dataset.archives:
            if not files.sound(folder / archive.name, archive):
                _get(archive, folder, Transfer(bars, archive.name))
    return folder
