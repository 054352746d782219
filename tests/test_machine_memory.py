from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.machine_memory import machine_memory


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("536870912\n")
    assert machine_memory((str(tmp_path / "limit"),)) == 512 << 20


@pytest.mark.parametrize("text", ["max", "9223372036854771712", None])
def test_without_a_limit_the_memory_of_the_machine_counts(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "limit").write_text(text)
    assert machine_memory((str(tmp_path / "limit"),)) == machine_memory(())
    assert machine_memory(()) > 64 << 20
