"""Ask a server: only where it may be asked, patiently, and not for more than is wanted.

Addresses are those of TLS; plain http is for a server on this machine, and no redirect leads from
the one to the other. What may pass, a lost connection or a server that is busy, is tried again
after pauses that double.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from preflare.errors import ArchiveError

PIECE = 2**20
"""Bytes that are asked of a connection at a time."""
PROGRESS = 2**20
"""Bytes that a try must add for the tries to be counted anew."""
REDIRECTS = 5

_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are here, and how many there are, if that is known."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask it again.

    Attributes
    ----------
    timeout : float
        s without a byte after which a connection counts as lost.
    attempts : int
        Tries in a row that bring nothing, after which to give up.
    pause : float
        s before the second try; doubled before each further one, and jittered by up to a half.
    longest : float
        s that no pause exceeds; a server that asks for a longer one is not waited for.
    slowest : float
        Bytes per s, over the timeout, below which a connection counts as lost.
    """

    timeout: float = 60.0
    attempts: int = 6
    pause: float = 1.0
    longest: float = 120.0
    slowest: float = 100.0


PATIENT = Patience()


class LostError(Exception):
    """A try failed in a way that another may mend."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.pause = pause


class MissingError(ArchiveError):
    """The server has no such file."""


class Sink(Protocol):
    """What takes an answer's content, over one try or several."""

    address: str
    limit: int
    """Bytes that the content must not exceed."""
    keeps: bool
    """Whether what came in one try is gone on with in the next."""

    @property
    def here(self) -> int:
        """Bytes that are here."""

    def headers(self) -> dict[str, str]:
        """Return what to send along, before each try."""

    def begins(self, response: requests.Response) -> int | None:
        """Make ready for an answer; return the bytes that there will be, if that is known."""

    def takes(self, piece: bytes) -> None:
        """Take what came next."""

    def ends(self) -> None:
        """Rest, after each try."""

    def discard(self) -> None:
        """Forget what came."""


def refuse_unsafe(address: str) -> None:
    """Refuse an address that is neither of TLS nor of a server on this machine.

    Parameters
    ----------
    address : str

    Raises
    ------
    ArchiveError
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise ArchiveError(f"{address} is no address of a server: write it like https://server.")
    if parts.scheme == "http" and not is_here(address):
        raise ArchiveError(
            f"{address} is not protected by TLS: write https; plain http is for servers on this "
            "machine."
        )


def is_here(address: str) -> bool:
    """Tell whether a server is on this machine.

    Parameters
    ----------
    address : str
    """
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def persist(into: Sink, patience: Patience, progress: Progress) -> None:
    """Try until all is here, or there is no point in another try."""
    failures, furthest = 0, into.here
    while True:
        try:
            _try(into, patience, progress)
            return
        except LostError as error:
            failures = 1 if into.here >= furthest + PROGRESS else failures + 1
            furthest = max(furthest, into.here)
            if failures >= patience.attempts or error.pause > patience.longest:
                kept = into.keeps and into.here > 0
                raise ArchiveError(
                    f"{into.address} cannot be fetched, {error}: try again later"
                    + ("; what has come so far is kept." if kept else ".")
                ) from error
            pause = min(patience.pause * 2 ** (failures - 1), patience.longest)
            # Jittered, so that many who were cut off at once do not come back at once.
            time.sleep(max(pause * random.uniform(0.5, 1.5), error.pause))


def _try(into: Sink, patience: Patience, progress: Progress) -> None:
    address = into.address
    with requests.Session() as session:
        # No proxy leads to a server on this machine.
        session.trust_env = not is_here(address)
        try:
            with _asked(session, address, into.headers(), patience.timeout) as response:
                _judge(response, into)
                total = into.begins(response)
                if total is not None and total > into.limit:
                    raise _too_large(into, total)
                _receive(response, into, total, patience, progress)
        except (requests.RequestException, HTTPError) as error:
            raise LostError(_said(error)) from error
        finally:
            into.ends()


def _asked(
    session: requests.Session, address: str, headers: dict[str, str], timeout: float
) -> requests.Response:
    """Ask, and follow redirects to addresses that are as safe as the first."""
    # Bytes are counted and resumed as the server keeps them, so it must not recode them.
    headers = {"Accept-Encoding": "identity", "User-Agent": "preflare", **headers}
    place = address
    for _ in range(REDIRECTS + 1):
        try:
            response = session.get(
                place, headers=headers, timeout=timeout, stream=True, allow_redirects=False
            )
        except ValueError as error:  # requests looks where a redirect leads, followed or not
            raise ArchiveError(
                f"{address} leads to what is no address of a server: check the address."
            ) from error
        to = response.headers.get("Location")
        if not response.is_redirect or to is None:
            return response
        response.close()
        place = urljoin(place, to)
        try:
            refuse_unsafe(place)
        except ArchiveError as error:
            raise ArchiveError(f"{address} is redirected, and {error}") from None
        if is_here(place) and not is_here(address):
            raise ArchiveError(
                f"{address} is redirected to this machine, {place}: check the address."
            )
    raise ArchiveError(
        f"{address} is redirected more than {REDIRECTS} times: check the address, or try again "
        "later."
    )


def _judge(response: requests.Response, into: Sink) -> None:
    """Tell answers with content from refusals, and these by whether to ask again."""
    status = response.status_code
    ranged = "Range" in response.request.headers
    if status == 200 or (status == 206 and ranged):
        return
    if status == 416 and ranged:
        into.discard()
        raise LostError("it has no more of the file than came before")
    words = f"the server answers {status} {response.reason}".rstrip()
    if status in _WORTH_ANOTHER_TRY:
        raise LostError(words, _retry_after(response.headers.get("Retry-After", "")))
    into.discard()
    if status in (404, 410):
        raise MissingError(
            f"{into.address} is not there, {words}: check the name of the observation."
        )
    raise ArchiveError(f"{into.address} cannot be fetched, {words}: check the address.")


def _receive(
    response: requests.Response,
    into: Sink,
    total: int | None,
    patience: Patience,
    progress: Progress,
) -> None:
    since, count = time.monotonic(), 0
    here = into.here
    progress(here, total)
    # read1, not read: whatever has come by the time that a connection breaks is worth keeping.
    while piece := response.raw.read1(PIECE, decode_content=False):
        here += len(piece)
        if here > into.limit:
            raise _too_large(into, here)
        into.takes(piece)
        progress(here, total)
        count += len(piece)
        passed = time.monotonic() - since
        if passed > patience.timeout:
            if count < patience.slowest * passed:
                raise LostError(f"it sends fewer than {patience.slowest:.0f} bytes per second")
            since, count = time.monotonic(), 0
    if total is not None and here != total:
        raise LostError(f"it ends after {here:,} of {total:,} bytes")


def _too_large(into: Sink, size: int) -> ArchiveError:
    into.ends()
    into.discard()
    return ArchiveError(
        f"{into.address} has {megabytes(size)} or more, and the limit is "
        f"{megabytes(into.limit)}: raise the limit, or leave the file out."
    )


def length(response: requests.Response) -> int | None:
    """Return the bytes that an answer says it has, if it does.

    Parameters
    ----------
    response : requests.Response
    """
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _retry_after(text: str) -> float:
    """Seconds that a server asks to wait, which it may give as a date (RFC 9110, Sect. 10.2.3)."""
    if text.strip().isdigit():
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return 0.0


def _said(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "no connection to it can be trusted (TLS)"
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return "the connection broke"


def megabytes(size: int) -> str:
    """Say how large something is.

    Parameters
    ----------
    size : int
        Bytes.

    Examples
    --------
    >>> megabytes(2_252_160)
    '2.3 MB'
    """
    return f"{size / 1e6:,.1f} MB"
