"""Checks that a store keeps what Edgewise writes, and allows what it needs. Problems name the command that helps."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from edgewise.errors import SettingsError, StoreUnavailable
from edgewise.store import keys
from edgewise.store.connection import QUOTE_PASSWORD, Client
from edgewise.store.scripts import Script

log = logging.getLogger(__name__)

OLDEST_VERSION = 7

_PROBES = """
    SET KEY 0 PX 60000, GET KEY, EXISTS KEY, EXPIRE KEY 60, PEXPIRE KEY 60000, TTL KEY, PTTL KEY, RENAME KEY KEY, TIME,
    MEMORY USAGE KEY, HSET KEY 0 0, HGET KEY 0, HGETALL KEY, HMGET KEY 0, HDEL KEY 0, HEXISTS KEY 0, HINCRBY KEY 0 0,
    HKEYS KEY, HLEN KEY, LINDEX KEY 0, LLEN KEY, LPOP KEY, LRANGE KEY 0 0, LSET KEY 0 0, LTRIM KEY 0 0, RPUSH KEY 0,
    PFADD KEY 0, PFCOUNT KEY, SADD KEY 0, SMEMBERS KEY, SREM KEY 0, XADD KEY 1-1 0 0, XDEL KEY 1-1, XINFO STREAM KEY,
    XLEN KEY, XRANGE KEY - +, XREVRANGE KEY + -, XSETID KEY 1-1, XTRIM KEY MAXLEN 0, ZADD KEY 0 0, ZCARD KEY,
    ZINCRBY KEY 0 0, ZPOPMIN KEY, ZRANGE KEY 0 0, ZRANGEBYSCORE KEY 0 0, ZREM KEY 0, ZREMRANGEBYRANK KEY 0 0,
    ZREVRANGE KEY 0 0, ZSCORE KEY 0, INCR KEY, PERSIST KEY, DEL KEY
"""
"""Every command on keys that Edgewise sends, in a harmless form. Most fail on the text that the first one sets."""

PROBES = tuple(probe.strip() for probe in _PROBES.split(","))

# KEYS: the key to try on. ARGV: the probes. The reply has the error of each command that the user may not run.
_probe = Script("""
    local refused = {}
    for _, line in ipairs(ARGV) do
        local words = {}
        for word in string.gmatch(line, '%S+') do words[#words + 1] = word == 'KEY' and KEYS[1] or word end
        local reply = redis.pcall(unpack(words))
        local problem = type(reply) == 'table' and reply.err or ''
        local is_refused = string.find(problem, 'permission') or string.find(problem, 'run this command')
        if is_refused or string.find(string.lower(problem), 'unknown.*command') then
            refused[#refused + 1] = string.lower(words[1]) .. ' ' .. problem
        end
    end
    return refused
""")


class StoreProblem(NamedTuple):
    """A problem of a store. With a fatal one, Edgewise would lose data or fail."""

    message: str
    is_fatal: bool = True


async def check(client: Client) -> None:
    """Check the store. Logs problems that are not fatal.

    Raises:
        SettingsError: it has fatal problems.
        StoreUnavailable: it cannot be reached.
    """
    problems = await find_problems(client)
    for problem in problems:
        if not problem.is_fatal:
            log.warning("%s", problem.message)
    if fatal := [problem.message for problem in problems if problem.is_fatal]:
        raise SettingsError("\n".join(fatal))


async def find_problems(client: Client) -> list[StoreProblem]:
    """Find the problems of a store.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    try:
        problems = [StoreProblem(message) for message in await _find_refusals(client)]
    except StoreUnavailable as error:
        if (login := _find_cause(error, AuthenticationError)) is not None:
            return [StoreProblem(_describe_login(client, login))]
        if (refusal := _find_cause(error, NoPermissionError)) is None:
            raise
        problems = [StoreProblem(_describe_refusals(client, [str(refusal)]))]
    try:
        infos = await client.execute_on_all_nodes(("INFO",))
    except StoreUnavailable as error:
        if _find_cause(error, NoPermissionError) is None:
            raise
        message = f"Cannot check how the store {client.url} keeps its data. Run: {_allow(client, ['info'])}"
        return [*problems, StoreProblem(message, is_fatal=False)]
    return list(dict.fromkeys([*problems, *(problem for info in infos for problem in _describe_node(client, info))]))


async def _find_refusals(client: Client) -> list[str]:
    if not await client.execute(("EXISTS", keys.SITES)):
        await _warn_of_other_keys(client)
    refused = await client.execute(_probe.command([keys.CHECK], *PROBES))
    await client.execute_on_all_nodes(("SCAN", 0, "COUNT", 1))
    return [_describe_refusals(client, [text.decode() for text in refused])] if refused else []


async def _warn_of_other_keys(client: Client) -> None:
    """Warn if a new installation with a prefix is in the store of one without."""
    try:
        if client.has_prefix and await client.library.exists(keys.SITES):
            log.warning(
                "The store %s has keys of Edgewise without the prefix. This server starts with an empty installation.",
                client.url,
            )
    except RedisError:
        pass  # The user may not see other keys.


def _find_cause(error: BaseException, kind: type[Exception]) -> BaseException | None:
    """The error itself or the first of its causes that is of this kind."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__
    return found


def _describe_node(client: Client, info: Mapping[str, Any]) -> list[StoreProblem]:
    problems = []
    version = str(info.get("redis_version", OLDEST_VERSION))
    if int(version.partition(".")[0]) < OLDEST_VERSION:
        problems.append(
            StoreProblem(f"Store {client.url}: Expected Redis {OLDEST_VERSION} or newer, or Valkey, found {version}.")
        )
    policy, bound = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if policy.startswith("allkeys"):
        message = (
            f"The store {client.url} deletes any key when its memory is full (maxmemory-policy {policy}). It would "
            "lose logs and models. Run: CONFIG SET maxmemory-policy noeviction. Then run: CONFIG REWRITE"
        )
        problems.append(StoreProblem(message, is_fatal=bound > 0))
    elif policy != "noeviction" and bound:
        message = (
            f"The store {client.url} deletes keys with a TTL when its memory is full (maxmemory-policy {policy}). It "
            "would lose profiles and caps. Run: CONFIG SET maxmemory-policy noeviction. Then run: CONFIG REWRITE"
        )
        problems.append(StoreProblem(message, is_fatal=False))
    if not int(info.get("aof_enabled", 1)):
        message = (
            f"The store {client.url} has no append-only file. A crash loses the writes since its last snapshot, or all "
            "of them. Run: CONFIG SET appendonly yes. Then run: CONFIG REWRITE"
        )
        problems.append(StoreProblem(message, is_fatal=False))
    return problems


def _describe_refusals(client: Client, refused: list[str]) -> str:
    """Describe errors of an access control list, and of commands that the store does not have."""
    missing = sorted({text.partition(" ")[0] for text in refused if "nknown" in text and "ermission" not in text})
    if missing:
        return f"The store {client.url} lacks the commands {', '.join(missing)}. Use Redis 7 or newer, or Valkey."
    commands = sorted({name for text in refused if (name := _refused_command(text)) is not None})
    if not commands:
        patterns = " ".join(f"~{pattern}" for pattern in client.key_patterns)
        return (
            f"User {client.user!r} of the store {client.url} may not use the keys of Edgewise. "
            f"Run: ACL SETUSER {client.user} {patterns}"
        )
    user = f"User {client.user!r} of the store {client.url}"
    return f"{user} may not run {', '.join(commands)}. Run: {_allow(client, commands)}"


def _refused_command(text: str) -> str | None:
    """The command in an error of an access control list. None if it is about keys. Early releases do not name it."""
    if match := re.search(r"run the '([^']+)'", text):
        return match[1].lower()
    return text.partition(" ")[0] if "run this command" in text else None


def _allow(client: Client, commands: list[str]) -> str:
    return f"ACL SETUSER {client.user} {' '.join(f'+{command}' for command in commands)}"


def _describe_login(client: Client, error: BaseException) -> str:
    return (
        f"The store {client.url} refused the user or the password ({error}). In a URL, special characters of a "
        f"password must be percent-encoded. This command prints it so: {QUOTE_PASSWORD}"
    )
