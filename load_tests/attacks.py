"""The attacks. Each one is a function that attacks for a few seconds, in a process of its own.

    python -m load_tests.attacks NAME PORT SECONDS

To add one, write a function and add it to ATTACKS.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
import uvloop

from edgewise.processes.descriptors import raise_descriptor_limit
from load_tests import connection_attacks, data_attacks, request_attacks
from load_tests.attacker import Attacker

Attack: TypeAlias = Callable[[Attacker], Awaitable[None]]

ATTACKS: Mapping[str, Attack] = {
    **request_attacks.ATTACKS,
    **connection_attacks.ATTACKS,
    **data_attacks.ATTACKS,
}


class Outcome(msgspec.Struct):
    """The responses that an attack got, by status, and what must not have been possible."""

    statuses: dict[str, int]
    problems: list[str]


async def run(name: str, port: int, seconds: float) -> Outcome:
    attacker = Attacker(port, seconds)
    async with asyncio.timeout(seconds + 20):
        await ATTACKS[name](attacker)
    return Outcome(dict(attacker.statuses), attacker.problems)


if __name__ == "__main__":
    raise_descriptor_limit()
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
