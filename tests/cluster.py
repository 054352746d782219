"""A real Valkey cluster for tests, with three nodes on this machine."""

from __future__ import annotations

import time

from redis.crc import key_slot

from edgewise.store import keys
from edgewise.types import PolicyRef
from tests.valkey import Valkey, free_port

RANGES = (range(0, 5461), range(5461, 10923), range(10923, 16384))


def slot(ref: PolicyRef) -> int:
    return key_slot(keys.log(ref).encode())


def on_node(node: int) -> PolicyRef:
    """A policy whose keys are on this node."""
    return next(ref for n in range(1000) if slot(ref := PolicyRef("shop", f"placement-{n}")) in RANGES[node])


REFS = [on_node(0), on_node(1), on_node(2)]
"""A policy on each node."""


class Cluster:
    """Three nodes that share the 16384 slots. Each node's command line gets `options`."""

    def __init__(self, *options: str) -> None:
        self.ports = [free_port() for _ in RANGES]
        buses = [free_port() for _ in RANGES]
        self.nodes = [
            Valkey(
                *("--bind", "127.0.0.1", "--port", str(port)),
                *("--cluster-enabled", "yes", "--cluster-port", str(bus), *options),
            )
            for port, bus in zip(self.ports, buses, strict=True)
        ]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)
        for number, (node, slots) in enumerate(zip(self.nodes, RANGES, strict=True), start=1):
            node.execute(f"CLUSTER ADDSLOTSRANGE {slots[0]} {slots[-1]}")
            node.execute(f"CLUSTER SET-CONFIG-EPOCH {number}")
        for port, bus in zip(self.ports[1:], buses[1:], strict=True):
            self.nodes[0].execute(f"CLUSTER MEET 127.0.0.1 {port} {bus}")
        until = time.monotonic() + 60
        while not all("cluster_state:ok" in node.execute("CLUSTER INFO") for node in self.nodes):
            assert time.monotonic() < until, "The cluster did not become ready."
            time.sleep(0.02)

    def close(self) -> None:
        for node in self.nodes:
            node.close()
