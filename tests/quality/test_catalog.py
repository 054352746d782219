"""Streams and methods by name, among them those of other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.quality.catalog import UnknownName, check_method, expand_streams, make_method, make_stream, stream_name
from tests.quality.easy_streams import easy
from tests.quality.product import Product

FILE = """
from __future__ import annotations
from dataclasses import dataclass, field
from types import SimpleNamespace
import numpy as np

@dataclass
class Row:
    size: float = field(default=1.0)

def plain(seed):
    contexts = [{"data": {"n": seed}}] * 4
    return SimpleNamespace(actions=[("a", {}), ("b", {})], contexts=contexts, P=np.eye(2)[[0, 1, 0, 1]])

STREAMS = {"with-seeds": (plain, 5), "alone": plain}
EXTRA = {"asked-for": (plain, 10)}
NUMBER = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "others.py"
    path.write_text(FILE)
    return str(path)


@pytest.mark.parametrize("name", ["plain", "with-seeds", "alone", "asked-for"])
def test_a_stream_of_a_file_is_a_function_or_an_entry_of_a_dictionary(file: str, name: str) -> None:
    assert expand_streams(f"{file}:{name}") == [f"{file}:{name}"]
    stream = make_stream(f"{file}:{name}", 7)
    assert (stream.name, stream.T, stream.contexts[0]) == (name, 4, {"data": {"n": 7}})
    assert stream_name(f"{file}:{name}") == name


def test_a_file_or_a_dictionary_names_all_of_its_streams(file: str) -> None:
    both = [f"{file}:with-seeds", f"{file}:alone"]
    assert expand_streams(file) == expand_streams(f"{file}:STREAMS") == both
    assert expand_streams(f"{file}:EXTRA") == [f"{file}:asked-for"]


def test_an_unknown_stream_is_an_error(file: str, tmp_path: Path) -> None:
    for text in ("shop6", f"{file}:shop6", f"{file}:NUMBER", f"{tmp_path}/missing.py:shop5"):
        with pytest.raises(UnknownName, match=r"shop6|NUMBER|missing"):
            expand_streams(text)


def test_an_unknown_method_or_option_is_an_error() -> None:
    for name in ("guess", "edgewise:algorithm", "edgewise:algorithm=guess", "edgewise:temperature=3"):
        with pytest.raises(UnknownName, match=name.partition(":")[0]):
            check_method(name)
    check_method("edgewise:algorithm=epsilon,floor=0.1")
    check_method("thompson")


def test_edgewise_takes_options_of_its_exploration() -> None:
    method = make_method("edgewise:algorithm=softmax,floor=0.05", easy(0, 50), 0)
    assert isinstance(method, Product)
    assert (method.compiled.policy.explore.algorithm, method.compiled.policy.explore.floor) == ("softmax", 0.05)
