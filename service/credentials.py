"""Tokens where they are kept: in the settings or in files of their own, and how a new one is made."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from indexer.errors import SettingsError
from indexer.settings import ServiceSettings
from indexer.variables import PREFIX, TOKEN, named
from indexer.whole import replaced

_OTHERS = 0o077
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Tokens:
    """What lets into a service: `admin` to do all, `read` to look only; both empty, whoever reaches it may do all."""

    admin: str = field(default="", repr=False)
    read: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.admin or self.read)


def tokens_of(settings: ServiceSettings) -> Tokens:
    """The tokens that are set, read from their files where these are named.

    Raises SettingsError where a file cannot be read, is readable by others, or holds no token, and where both are one.
    """
    found = Tokens(
        settings.token or _read(settings.token_file, "token_file"),
        settings.read_token or _read(settings.read_token_file, "read_token_file"),
    )
    if found and found.admin == found.read:
        raise SettingsError(
            f"{PREFIX}TOKEN and {PREFIX}READ_TOKEN are the same; make another: footnote token --read-only"
        )
    return found


def tokens_for(settings: ServiceSettings, host: str) -> Tokens:
    """The tokens of a service that listens on a host; raise SettingsError where others reach it and there is none."""
    tokens = tokens_of(settings)
    if not tokens and not is_loopback(host):
        raise SettingsError(
            f"{host or 'every address'} lets other machines in, and no token is set; make one first: footnote token"
        )
    return tokens


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host: each of its addresses, where it is a name."""
    import ipaddress

    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)} if host else set()
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)


def make(path: Path) -> None:
    """Write a new token to a file that nobody else can read; raise SettingsError where that cannot be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replaced(path, private=True) as new:
            new.write_text(f"{secrets.token_urlsafe(32)}\n", encoding="ascii")
    except OSError as error:
        raise SettingsError(
            f"cannot write {path} ({error.strerror}); name another file: footnote token FILE"
        ) from error


def exposed(path: Path) -> bool:
    """Whether others than its owner can read or change a file or folder of this person's.

    That of another owner is let be, as ssh does with keys: so containers hand in their secrets, owned by root.
    """
    if os.name != "posix":
        return False
    status = path.stat()
    return status.st_uid == os.getuid() and bool(status.st_mode & _OTHERS)


def _read(file: str, setting: str) -> str:
    if not file:
        return ""
    path, where = Path(file), f"{PREFIX}{setting.upper()}: {file}"
    try:
        if not path.is_file():  # a device may have no end
            raise SettingsError(f"{where} is no file that can be read; make it: footnote token {file}")
        if exposed(path):
            raise SettingsError(f"{where} can be read by others; make another: footnote token --new {file}")
        with path.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise SettingsError(f"{where} cannot be read ({error.strerror}); make it readable to you alone") from error
    variable = named(setting.removesuffix("_file"))
    assert variable is not None
    assert variable.kind is TOKEN
    return str(variable.read(text, where))
