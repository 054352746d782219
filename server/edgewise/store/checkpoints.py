"""Checkpoints: a learner's state at one position of the log. Only the learner with the current epoch writes them.

After a log rewrite, a field marks the checkpoint. It serves, but no learner continues from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgpack

from edgewise.errors import Fenced, WritesLost
from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Argument, Script
from edgewise.types import Digest, Milliseconds, PolicyRef, StreamId

# Lua prints large numbers in scientific notation, hence the format.
RAISE_EPOCH = """
    local time = redis.call('TIME')
    local stored = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
    local epoch = string.format('%.0f', math.max(stored + 1, time[1] * 1000000 + time[2]))
"""
_take_over = Script(f"""
    {RAISE_EPOCH}
    redis.call('HSET', KEYS[1], 'epoch', epoch)
    return epoch
""")
# KEYS: checkpoint first. ARGV: the writer's epoch first. The reply: 1 and the result, or 0 and the present epoch.
_fence = """
    local epoch = redis.call('HGET', KEYS[1], 'epoch') or 'none'
    if epoch ~= ARGV[1] then return {0, epoch} end
"""
# ARGV: epoch, model version, then names and values.
_write = Script(f"""
    {_fence}
    local stored = tonumber(redis.call('HGET', KEYS[1], 'model_version') or '0')
    local model_version = string.format('%.0f', math.max(stored + 1, tonumber(ARGV[2])))
    redis.call('HSET', KEYS[1], unpack(ARGV, 3))
    redis.call('HSET', KEYS[1], 'model_version', model_version)
    redis.call('HDEL', KEYS[1], 'anew')
    return {{1, model_version}}
""")
# KEYS: checkpoint, base. ARGV: epoch, position, record.
_write_base = Script(f"""
    {_fence}
    return {{1, redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])}}
""")
# KEYS: checkpoint, base. ARGV: epoch, positions.
_drop_bases = Script(f"""
    {_fence}
    return {{1, redis.call('HDEL', KEYS[2], unpack(ARGV, 2))}}
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A checkpoint without the model and the statistics.

    Within an `epoch`, positions and model versions only grow. The model is a fold of the log up to and including
    `position`. A learner that continues reads again from `read_again`. `shape` is the digest of the model's shape, and
    `shape_since` the log entry that introduced it. `policy_version` is the newest folded version. `oldest_close` and
    `newest_close` are the closing times of the first and last slot that were newly learned, by the store's clock.
    `model_version` is assigned at publication.
    """

    epoch: int
    position: StreamId
    read_again: StreamId
    shape: Digest
    shape_since: StreamId
    policy_version: Digest
    oldest_close: Milliseconds
    newest_close: Milliseconds
    model_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Head):
    """A learner's state: the head, the model's bytes, and the encoded statistics."""

    model: bytes
    statistics: bytes

    @property
    def head(self) -> Head:
        """The head alone, which takes much less memory."""
        return Head(**{field.name: getattr(self, field.name) for field in fields(Head)})


_HEAD = [field.name for field in fields(Head)]
_WHOLE = [field.name for field in fields(Checkpoint)]
_DIGESTS = frozenset(("shape", "policy_version"))
_IDS = frozenset(("position", "read_again", "shape_since"))
_BYTES = frozenset(("model", "statistics")) | _DIGESTS


class Checkpoints:
    """The checkpoints of all policies. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def raise_epoch(self, ref: PolicyRef) -> int:
        """Take over the policy with a new epoch. Writers with an older epoch are fenced off."""
        return int(await self._client.execute(_take_over.command([keys.checkpoint(ref)])))

    async def epoch(self, ref: PolicyRef) -> int:
        """The present epoch, 0 before the first learner."""
        return int(await self._client.execute(("HGET", keys.checkpoint(ref), "epoch")) or 0)

    async def needs_new_fold(self, ref: PolicyRef) -> bool:
        """Whether the log was rewritten and no checkpoint was written since. Then it must be folded from its start."""
        return bool(await self._client.execute(("HEXISTS", keys.checkpoint(ref), "anew")))

    async def write(self, ref: PolicyRef, checkpoint: Checkpoint) -> int:
        """Write the checkpoint and publish its model. Returns the model's version.

        The version is above every earlier one, and at least the checkpoint's own `model_version`.

        Raises:
            Fenced: the policy has a newer epoch.
            WritesLost: the policy has an older epoch, or none.
        """
        record: list[Argument] = []
        for name, value in _pack(checkpoint).items():
            record += [name, value]
        return int(await self._fenced(_write, ref, checkpoint.epoch, checkpoint.model_version, *record))

    async def heads(self, refs: Sequence[PolicyRef]) -> dict[PolicyRef, Head]:
        """The heads of the checkpoints, for the policies that have one."""
        replies = await self._client.execute_all([("HMGET", keys.checkpoint(ref), *_HEAD) for ref in refs])
        records = {ref: dict(zip(_HEAD, values, strict=True)) for ref, values in zip(refs, replies, strict=True)}
        return {ref: Head(**_unpack(record)) for ref, record in records.items() if record["position"] is not None}

    async def read(self, ref: PolicyRef) -> Checkpoint | None:
        """Read the checkpoint, None without one."""
        return (await self.read_all([ref])).get(ref)

    async def read_all(self, refs: Sequence[PolicyRef]) -> dict[PolicyRef, Checkpoint]:
        """Read the checkpoints of several policies together, for those that have one."""
        replies = await self._client.execute_all([("HMGET", keys.checkpoint(ref), *_WHOLE) for ref in refs])
        records = {ref: dict(zip(_WHOLE, values, strict=True)) for ref, values in zip(refs, replies, strict=True)}
        return {ref: Checkpoint(**_unpack(record)) for ref, record in records.items() if record["position"] is not None}

    async def statistics(self, ref: PolicyRef) -> bytes | None:
        """Read the encoded statistics alone, None without a checkpoint."""
        reply: bytes | None = await self._client.execute(("HGET", keys.checkpoint(ref), "statistics"))
        return reply

    async def write_base(self, ref: PolicyRef, checkpoint: Checkpoint) -> None:
        """Store the checkpoint as a base, from which a rebuild can start.

        Raises:
            Fenced: the policy has a newer epoch.
            WritesLost: the policy has an older epoch, or none.
        """
        record: bytes = msgpack.packb(_pack(checkpoint))
        await self._fenced(_write_base, ref, checkpoint.epoch, str(checkpoint.position), record)

    async def bases(self, ref: PolicyRef) -> list[StreamId]:
        """The positions of the bases, oldest first."""
        return sorted(StreamId.parse(position) for position in await self._client.execute(("HKEYS", keys.base(ref))))

    async def read_base(self, ref: PolicyRef, position: StreamId) -> Checkpoint | None:
        """Read the base at this position, None without one."""
        record: bytes | None = await self._client.execute(("HGET", keys.base(ref), str(position)))
        return None if record is None else Checkpoint(**_unpack(msgpack.unpackb(record)))

    async def drop_bases(self, ref: PolicyRef, before: StreamId, epoch: int) -> int:
        """Delete every base before this position. Returns their number.

        Raises:
            Fenced: the policy has a newer epoch.
            WritesLost: the policy has an older epoch, or none.
        """
        dropped = [str(position) for position in await self.bases(ref) if position < before]
        return int(await self._fenced(_drop_bases, ref, epoch, *dropped)) if dropped else 0

    async def _fenced(self, script: Script, ref: PolicyRef, epoch: int, *arguments: Argument) -> bytes | int:
        script_keys = [keys.checkpoint(ref), keys.base(ref)]
        may, result = await self._client.execute(script.command(script_keys, epoch, *arguments))
        if not may:
            message = (
                f"Policy {ref.site}/{ref.placement}: the store has epoch {result.decode()}, this learner has {epoch}."
            )
            raise WritesLost(message) if result == b"none" or int(result) < epoch else Fenced(message)
        written: bytes | int = result
        return written


def _pack(checkpoint: Checkpoint) -> dict[str, bytes]:
    record = {}
    for name in _WHOLE:
        value = getattr(checkpoint, name)
        record[name] = value if isinstance(value, bytes) else str(value).encode()
    return record


def _unpack(record: dict[str, bytes]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in record.items()}


def _value(name: str, value: bytes) -> bytes | int | StreamId:
    if name in _BYTES:
        return value
    return StreamId.parse(value) if name in _IDS else int(value)
