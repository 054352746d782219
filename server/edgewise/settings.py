"""The settings: one frozen dataclass. Its fields are the table for `--help` and for the documentation."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from edgewise.config.messages import mismatch
from edgewise.config.values import DAY, duration, one_of
from edgewise.errors import SettingsError
from edgewise.secret_strength import check_secret
from edgewise.types import Milliseconds

PREFIX = "EDGEWISE_"

Network: TypeAlias = IPv4Network | IPv6Network


class Kind(NamedTuple):
    """The type of a setting's text. `parse` raises ValueError for a wrong value. `show` is its inverse."""

    placeholder: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str


class Setting(NamedTuple):
    """One row of the table of settings. `name` is the field's name, `default` the text to show."""

    name: str
    kind: Kind
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether its flag has no value: `--learner` or `--no-learner`."""
        return self.kind is SWITCH


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError(mismatch("text that is not blank", text))
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text):
        raise ValueError(mismatch("the name of a header: 1 to 64 of A-Z, a-z, 0-9 and -", text))
    return text


def _key_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text):
        raise ValueError(mismatch("1 to 64 of A-Z, a-z, 0-9, dot, colon, - and _", text))
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(mismatch(f"a whole number from {low} to {high}", text))
        return int(text)

    return parse


def _networks(text: str) -> tuple[Network, ...]:
    if text.strip().lower() == "none":
        return ()
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(","))
    except ValueError as error:
        raise ValueError(mismatch("addresses such as 127.0.0.1,10.0.0.0/8, or none", text)) from error


def _show_networks(networks: tuple[Network, ...]) -> str:
    return ",".join(map(str, networks)) or "none"


def _switch(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if (value := words.get(text.lower())) is None:
        raise ValueError(mismatch("true or false", text))
    return value


def _size(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,11})(GiB|MiB|KiB|)", text)
    if match is None:
        raise ValueError(mismatch("a size in bytes such as 65536, 64KiB, 1MiB or 2GiB", text))
    return int(match[1]) * _SIZES[match[2]]


def _in_largest(units: Mapping[str, int]) -> Callable[[int], str]:
    """Show a number in its largest whole unit. `units` run from the largest to the smallest."""

    def show(number: int) -> str:
        unit, size = next((unit, size) for unit, size in units.items() if number % size == 0)
        return f"{number // size}{unit}"

    return show


_SIZES = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "": 1}
_SPANS = {"d": DAY, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}

TEXT = Kind("TEXT", _text)
SECRET = Kind("TEXT", check_secret)
HOST = Kind("HOST", _text)
URL = Kind("URL", _text)
KEYS = Kind("TEXT", _key_prefix)
FOLDER = Kind("DIR", lambda text: Path(_text(text)))
PORT = Kind("PORT", _whole(0, 65535))
COUNT = Kind("N", _whole(1, 1024))
LIMIT = Kind("N", _whole(0, 999_999_999))
NETWORKS = Kind("ADDRESSES", _networks, _show_networks)
SWITCH = Kind("", _switch, lambda value: "true" if value else "false")
DURATION = Kind("TIME", duration(longest=3650 * DAY), _in_largest(_SPANS))
SIZE = Kind("SIZE", _size, _in_largest(_SIZES))
HEADER = Kind("HEADER", _header)
FSYNC = Kind("everysec|always", one_of(("everysec", "always")))


def _about(kind: Kind, meaning: str, default: str | None = None) -> Mapping[str, Any]:
    return {"kind": kind, "meaning": meaning, "default": default}


def _half_the_cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Times are in milliseconds and sizes in bytes.

    `redis` is None for the embedded Valkey. `secret_key` is None until one is created.
    """

    host: str = field(default="127.0.0.1", metadata=_about(HOST, "The address to listen on."))
    port: int = field(default=8080, metadata=_about(PORT, "The port to listen on. 0 takes any free port."))
    policies: Path = field(
        default=Path("policies"),
        metadata=_about(FOLDER, "The folder with the policy files of one site, or with one such folder for each site."),
    )
    data: Path = field(
        default=Path("data"),
        metadata=_about(
            FOLDER, "The folder for data that outlives a restart: the files of the embedded Valkey and the secret key."
        ),
    )
    redis: str | None = field(
        default=None,
        metadata=_about(URL, "The URL of a Redis (7 or newer) or Valkey that holds the state.", "an embedded Valkey"),
    )
    key_prefix: str = field(
        default="",
        metadata=_about(
            KEYS,
            "The text before every key in the store. It lets an ACL grant the keys, and several installations share a "
            "store. All servers and commands of one installation need the same one.",
            "none",
        ),
    )
    workers: int = field(
        default_factory=_half_the_cores,
        metadata=_about(COUNT, "The number of web processes.", "one for two cores"),
    )
    learner: bool = field(
        default=True,
        metadata=_about(SWITCH, "Whether this server also runs a learner. Each store needs one learner."),
    )
    secret_key: str | None = field(
        default=None,
        metadata=_about(
            SECRET,
            "The key of server-side calls. Prefer the variable, because the list of processes shows flags.",
            "created at the first start, in the data folder",
        ),
    )
    identity_secret: str | None = field(
        default=None,
        metadata=_about(
            SECRET,
            "The secret whose hashes prove user ids, for sites without a secret of their own. Prefer the variable.",
            "none",
        ),
    )
    decide_budget: Milliseconds = field(
        default=50,
        metadata=_about(
            DURATION, "How long a decide call may wait for the store. After that, the response is the baseline."
        ),
    )
    appendfsync: str = field(
        default="everysec",
        metadata=_about(
            FSYNC,
            "When the embedded Valkey forces writes to the disk. With everysec, a power failure can lose the last "
            "second. With always, it loses nothing that was acknowledged.",
        ),
    )
    retention: Milliseconds = field(
        default=30 * DAY,
        metadata=_about(
            DURATION,
            "How long a policy's log keeps its entries. The log and model of a removed policy stay for seven days "
            "more.",
        ),
    )
    log_bytes: int = field(
        default=256 << 20,
        metadata=_about(
            SIZE,
            "The largest size of the logs of all policies together. Beyond it, learned entries of the largest logs are "
            "removed.",
        ),
    )
    store_memory: int | None = field(
        default=None,
        metadata=_about(
            SIZE,
            "The memory of the store. From 80% of it on, new visitors from browsers get no profile, and visitors that "
            "were unused for the longest time are removed.",
            "half of the machine's memory, or the maxmemory of the store at --redis",
        ),
    )
    erase_within: Milliseconds = field(
        default=DAY,
        metadata=_about(
            DURATION,
            "The longest time until an erasure is complete. Erasures wait for each other for up to half of it, because "
            "together they cost one fold of the logs.",
        ),
    )
    max_body: int = field(
        default=4 << 20,
        metadata=_about(
            SIZE,
            "The largest body of a batch with the secret key, after decompression. Other bodies have smaller limits of "
            "their own.",
        ),
    )
    country_header: str | None = field(
        default=None,
        metadata=_about(
            HEADER,
            "The header with the visitor's country, such as CF-IPCountry. Use it only if your CDN sets it on every "
            "request. Otherwise visitors could set it.",
            "none",
        ),
    )
    trusted_proxies: tuple[Network, ...] = field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        metadata=_about(
            NETWORKS,
            "The addresses of your proxies, with commas between them. Behind them, a request's address is the last one "
            "in X-Forwarded-For that is not one of them. The limits of the next three settings are for one address.",
        ),
    )
    decides_per_source: int = field(
        default=3000,
        metadata=_about(
            LIMIT, "The most decide calls of one address in a minute. Further ones get the baseline. 0 sets no limit."
        ),
    )
    messages_per_source: int = field(
        default=6000,
        metadata=_about(
            LIMIT, "The most messages of one address in a minute. Further ones are refused with 429. 0 sets no limit."
        ),
    )
    visitors_per_source: int = field(
        default=2000,
        metadata=_about(
            LIMIT,
            "The most new visitors, and the most webhook messages, of one address in an hour. Further new visitors get "
            "no profile. 0 sets no limit.",
        ),
    )
    webhook_allow_private: bool = field(
        default=False,
        metadata=_about(
            SWITCH, "Whether webhooks may use private, loopback and other addresses outside the open internet."
        ),
    )
    verbose: bool = field(default=False, metadata=_about(SWITCH, "Whether to log more details."))

    @classmethod
    def load(cls, flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
        """Load the settings. A flag overrides a variable, and a variable overrides the default.

        `flags` are by field name, with None for a flag that was not given. An empty variable counts as unset.

        Raises:
            SettingsError: a value is wrong. The message names the flag or variable.
        """
        values: dict[str, Any] = {}
        for setting in TABLE:
            if (text := flags.get(setting.name)) is not None:
                values[setting.name] = _parse(setting, text, setting.flag)
            elif text := environ.get(setting.variable):
                values[setting.name] = _parse(setting, text, setting.variable)
        return cls(**values)

    def environ(self) -> dict[str, str]:
        """Return the environment variables from which a child process loads equal settings."""
        values = ((setting, getattr(self, setting.name)) for setting in TABLE)
        return {setting.variable: setting.kind.show(value) for setting, value in values if value is not None}


def _row(field: Field[Any]) -> Setting:
    kind, meaning, default = field.metadata["kind"], field.metadata["meaning"], field.metadata["default"]
    return Setting(field.name, kind, kind.show(field.default) if default is None else default, meaning)


TABLE: tuple[Setting, ...] = tuple(_row(field) for field in fields(Settings))
"""Every setting, in the order of the documentation."""


def _parse(setting: Setting, text: str, where: str) -> Any:
    try:
        return setting.kind.parse(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
