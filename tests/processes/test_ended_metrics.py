from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from edgewise.processes.ended_metrics import add_up_ended

PROCESS = """
import os
from edgewise.http import metrics
from edgewise.types import PolicyRef
metrics.count_messages(3, [])
metrics.observe_loaded_model(PolicyRef("shop", "hero"), 500)
print(os.getpid())
"""


def shown(folder: Path) -> set[str]:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


def test_counts_of_ended_processes_are_kept_in_one_file_for_each_kind(tmp_path: Path) -> None:
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pids = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", PROCESS], env=environ, check=True, capture_output=True, text=True)
        pids.append(int(done.stdout))
    before = shown(tmp_path)
    assert "edgewise_messages_accepted_total 9.0" in before
    for pid in pids:
        add_up_ended(tmp_path, pid)
        add_up_ended(tmp_path, pid)
        assert shown(tmp_path) == before
    assert {file.name for file in tmp_path.iterdir()} == {"counter_ended.db", "histogram_ended.db"}
