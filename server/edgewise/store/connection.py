"""The connection to the store: its URL, time limits and errors.

The client library never retries, because a repeated append would log a decision twice and overrun the budget.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from edgewise.errors import SettingsError, StoreUnavailable
from edgewise.store import keys
from edgewise.store.key_prefix import KeyPrefix
from edgewise.store.scripts import Command, in_full

Library: TypeAlias = "Redis | RedisCluster"

_SCHEMES = (
    "redis://, rediss://, unix:///path, redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster://"
)


QUOTE_PASSWORD = """python3 -c 'import getpass, urllib.parse as u; print(u.quote(getpass.getpass(), safe=""))'"""
"""A shell command that asks for a password and prints it percent-encoded."""


def connect(url: str, *, reply_timeout: float = 5.0, connect_timeout: float = 2.0, key_prefix: str = "") -> Client:
    """Return a client for the store at `url`. It connects at the first command.

    The forms of the URL:

    - `redis://host:port/db`, or `rediss://` for TLS
    - `unix:///path/to/socket`
    - `redis+sentinel://host:port,host:port/service/db`, or `rediss+sentinel://` for TLS
    - `redis+cluster://host:port,host:port`, or `rediss+cluster://` for TLS

    User and password in the URL are those of the data nodes. For Sentinels, use the query parameters
    `sentinel_username` and `sentinel_password`. `reply_timeout` and `connect_timeout` are in seconds.
    `key_prefix` is in front of every key.

    Raises:
        SettingsError: the URL has another form.
    """
    options: dict[str, Any] = {
        # The library would bound each send by `asyncio.wait_for`, which can lose a cancellation on CPython 3.11.
        # `Client` bounds the wait instead.
        "socket_timeout": None,
        "socket_connect_timeout": connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,
    }
    _check_password(url)
    try:
        parts = urlsplit(url)
        open_ = _openers[parts.scheme]
        library, closers = open_(url, parts, options)
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"Store URL {without_password(url)!r}: Expected one of {_SCHEMES}. Cause: {error!r}."
        ) from error
    return Client(library, without_password(url), reply_timeout, closers, key_prefix, unquote(parts.username or ""))


class Client:
    """Sends commands and returns the store's replies. Every failure is a `StoreUnavailable`."""

    def __init__(
        self,
        library: Library,
        url: str,
        reply_timeout: float,
        closers: Sequence[Callable[[], Awaitable[None]]],
        key_prefix: str = "",
        user: str = "",
    ) -> None:
        prefix = KeyPrefix(key_prefix)
        self.with_prefix = prefix.apply
        self.key_patterns = (prefix.add("*"),) if key_prefix else keys.PATTERNS
        self.has_prefix = bool(key_prefix)
        self.user = user or "default"
        self._prefix = prefix
        self.library = library
        self.url = url
        self.reply_timeout = reply_timeout
        self._closers = closers

    async def execute(self, command: Command) -> Any:
        """Send one command and return its reply.

        Raises:
            StoreUnavailable: the store cannot be reached or refused the command.
        """
        command = self.with_prefix(command)
        with self.errors(command):
            async with self._time_limit():
                return await self._execute(command)

    async def _execute(self, command: Command) -> Any:
        try:
            return await self.library.execute_command(*command)
        except NoScriptError:
            return await self.library.execute_command(*in_full(command))

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send many commands together and return their replies. This is not a transaction.

        Raises:
            StoreUnavailable: the store cannot be reached or refused one of the commands.
        """
        if not commands:
            return []
        commands = [self.with_prefix(command) for command in commands]
        with self.errors(commands[0]):
            pipeline = self.library.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            async with self._time_limit():
                replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return [await self._checked(command, reply) for command, reply in zip(commands, replies, strict=True)]

    async def scan(self, pattern: str) -> AsyncIterator[str]:
        """Yield every key that matches the pattern, on all nodes, in bounded memory. A key may come twice."""
        pattern = self._prefix.add(pattern)
        for execute in await self._nodes():
            cursor = None
            while cursor != 0:
                cursor, found = await self._ask(execute, ("SCAN", cursor or 0, "MATCH", pattern, "COUNT", 1000))
                for key in found:
                    yield self._prefix.remove(key.decode())

    async def execute_on_all_nodes(self, command: Command) -> list[Any]:
        """Send one command to every node with keys and return the replies.

        Raises:
            StoreUnavailable: one of them cannot be reached or refused the command.
        """
        return [await self._ask(execute, command) for execute in await self._nodes()]

    async def _nodes(self) -> list[Callable[..., Awaitable[Any]]]:
        if not isinstance(self.library, RedisCluster):
            return [self.library.execute_command]
        with self.errors(("CLUSTER SLOTS",)):
            await self.library.initialize()
        return [node.execute_command for node in self.library.get_primaries()]

    async def _ask(self, execute: Callable[..., Awaitable[Any]], command: Command) -> Any:
        with self.errors(command):
            async with self._time_limit():
                return await execute(*command)

    async def close(self) -> None:
        """Close every connection."""
        for closer in self._closers:
            await closer()

    def _time_limit(self) -> asyncio.Timeout:
        """Limit the wait for a reply. A TimeoutError also closes the connection."""
        return asyncio.timeout(self.reply_timeout)

    @contextmanager
    def errors(self, command: Command) -> Iterator[None]:
        """Turn the client library's errors into `StoreUnavailable`."""
        try:
            yield
        except (RedisError, OSError) as error:
            raise self.unavailable_error(command, error) from error

    def unavailable_error(self, command: Command, error: BaseException) -> StoreUnavailable:
        """Return the error to raise for a failed command."""
        # Its subclasses, such as a refused password, have other remedies.
        is_unreachable = type(error) is RedisConnectionError or isinstance(error, OSError | RedisTimeoutError)
        advice = " Check that the store runs and that its URL is right." if is_unreachable else ""
        if is_unreachable and self.url.startswith("rediss"):
            advice += " It must speak TLS there. A URL with redis:// is without TLS."
        elif isinstance(error, ReadOnlyError):
            advice = " Use the URL of the primary, because replicas accept no writes."
        return StoreUnavailable(f"Store {self.url}: {command[0]!r} failed: {type(error).__name__}: {error}{advice}")

    async def _checked(self, command: Command, reply: Any) -> Any:
        if isinstance(reply, NoScriptError):
            return await self._ask(self.library.execute_command, in_full(command))
        if isinstance(reply, Exception):
            raise self.unavailable_error(command, reply) from reply
        return reply


def without_password(url: str) -> str:
    """Return the URL without its password and without its query, which can have one.

    The password may have characters that a URL does not allow there.
    """
    base = _without_query(url)
    return re.sub(r"(//[^:@/]*):.*@", r"\1@", base if "@" in base else url).partition("?")[0].partition("#")[0]


def _without_query(url: str) -> str:
    """The URL without its query. A question mark before the host is one of a password that is not encoded."""
    base, _, query = url.partition("?")
    beginning, at, _ = query.partition("@")
    return url if at and "=" not in beginning else base


def _check_password(url: str) -> None:
    """Refuse a password that is not percent-encoded, because a URL with it means something else.

    Raises:
        SettingsError: the password must be encoded.
    """
    credentials, at, _ = _without_query(url).partition("://")[2].rpartition("@")
    wrong = re.search(r"[/?#\[\]\s]|%(?![0-9A-Fa-f]{2})", credentials)
    if not at or not wrong or url.startswith("unix:"):
        return
    raise SettingsError(
        f"Store URL {without_password(url)!r}: The password must be percent-encoded, because it has {wrong[0]!r}. "
        f"This command prints it so: {QUOTE_PASSWORD}"
    )


_Opened: TypeAlias = "tuple[Library, list[Callable[[], Awaitable[None]]]]"


def _open_node(url: str, parts: SplitResult, options: dict[str, Any]) -> _Opened:
    if parts.scheme == "unix" and (parts.hostname or not parts.path):
        raise ValueError("A Unix socket needs an absolute path, with three slashes.")
    if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*/?", parts.path):
        raise ValueError("Expected redis://host:port/database, and the database as a number.")
    pool = ConnectionPool(**{**parse_url(url), **options})
    try:
        pool.connection_class(**pool.connection_kwargs)  # Not connected yet. The library checks the options only here.
    except TypeError as error:
        raise ValueError("The query of the URL has an unknown parameter.") from error
    library = Redis.from_pool(pool)
    return library, [library.aclose]


def _open_sentinel(url: str, parts: SplitResult, options: dict[str, Any]) -> _Opened:
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("Missing service. Use the path /service or /service/database.")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(parts, 26379),
        sentinel_kwargs=options
        | {"username": query.get("sentinel_username"), "password": query.get("sentinel_password")},
        ssl=parts.scheme.startswith("rediss"),
        db=int(db or 0),
        **_credentials(parts),
        **options,
    )
    library: Redis = sentinel.master_for(service)
    return library, [library.aclose, *(watcher.aclose for watcher in sentinel.sentinels)]


def _open_cluster(url: str, parts: SplitResult, options: dict[str, Any]) -> _Opened:
    library = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in _hosts(parts, 6379)],
        ssl=parts.scheme.startswith("rediss"),
        # Otherwise every fifth moved key would close the connections to all nodes, with their running commands.
        reinitialize_steps=0,
        **_credentials(parts),
        **options,
    )
    return library, [library.aclose]


_openers: dict[str, Callable[[str, SplitResult, dict[str, Any]], _Opened]] = {
    "redis": _open_node,
    "rediss": _open_node,
    "unix": _open_node,
    "redis+sentinel": _open_sentinel,
    "rediss+sentinel": _open_sentinel,
    "redis+cluster": _open_cluster,
    "rediss+cluster": _open_cluster,
}


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        split = urlsplit(f"//{address}")
        if not split.hostname:
            raise ValueError(f"Expected host:port, found {address!r}.")
        hosts.append((split.hostname, split.port or default_port))
    return hosts


def _credentials(parts: SplitResult) -> dict[str, Any]:
    credentials, _, _ = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    return {"username": unquote(user) or None, "password": unquote(password) or None}
