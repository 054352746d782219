"""Streams and methods by the names that the command line uses."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from edgewise.errors import PolicyError
from tests.quality.peers import LIBRARIES, MARKS, PEERS
from tests.quality.product import Product, new_policy
from tests.quality.protocol import Method
from tests.quality.stream import Stream, as_stream
from tests.quality.streams import STREAMS

EDGEWISE = "edgewise"
METHODS = (EDGEWISE, *PEERS, *MARKS)


class UnknownName(Exception):
    """The command line names a stream or a method that does not exist."""


def make_method(name: str, stream: Stream, seed: int) -> Method:
    if is_edgewise(name):
        return Product(stream, seed, _options(name))
    return {**PEERS, **MARKS}[name](stream, seed)


def is_edgewise(name: str) -> bool:
    return name.partition(":")[0] == EDGEWISE


def check_method(name: str) -> None:
    """Raises UnknownName if the method does not exist, has invalid options, or needs a library that is missing."""
    if is_edgewise(name):
        try:
            new_policy([("a", {}), ("b", {})], 1, _options(name))
        except PolicyError as error:
            raise UnknownName(f"{name}: {error}") from error
    elif name not in METHODS:
        raise UnknownName(f"{name}: Unknown method. Use some of {', '.join(METHODS)}, or edgewise:option=value,...")
    elif (library := LIBRARIES.get(name)) and importlib.util.find_spec(library) is None:
        raise UnknownName(f"{name}: {library} is missing. `make quality` installs it.")


def expand_streams(text: str) -> list[str]:
    """The names of single streams: `FILE.py` and `FILE.py:STREAMS` name every stream of a dictionary.

    Raises:
        UnknownName: there is no such file or stream.
    """
    file, name = _split(text)
    if file is None:
        if name not in STREAMS:
            raise UnknownName(f"{name}: Unknown stream. Use some of {', '.join(STREAMS)}, or FILE.py:NAME.")
        return [text]
    whole = getattr(_module(file), name or "STREAMS", None)
    if isinstance(whole, Mapping):
        return [f"{file}:{key}" for key in whole]
    _find(file, name)
    return [text]


def stream_name(text: str) -> str:
    """The name of a stream in the results: its name in the file."""
    return _split(text)[1]


def make_stream(text: str, seed: int) -> Stream:
    """The stream with this name and seed. `FILE.py:NAME` is a function of the file or a key of a dictionary in it.

    Raises:
        StreamError: the function does not return a stream.
    """
    file, name = _split(text)
    return as_stream((STREAMS[name] if file is None else _find(file, name))(seed), name)


def _options(name: str) -> dict[str, str]:
    """The options of `edgewise:algorithm=epsilon,floor=0.05`."""
    options = {}
    for option in filter(None, name.partition(":")[2].split(",")):
        key, equals, value = option.partition("=")
        if not equals:
            raise UnknownName(f"{name}: Expected option=value, found {option!r}.")
        options[key] = value
    return options


def _split(text: str) -> tuple[str | None, str]:
    if text.endswith(".py"):
        return text, ""
    file, colon, name = text.rpartition(":")
    return (file, name) if colon else (None, text)


def _find(file: str, name: str) -> Callable[[int], Any]:
    module = _module(file)
    for value in vars(module).values():
        # An entry may be a function, or a function with a number of seeds.
        if isinstance(value, Mapping) and name in value:
            entry = value[name]
            make = entry[0] if isinstance(entry, tuple) else entry
            if callable(make):
                return make  # type: ignore[no-any-return]  # A file of the user has no types here.
    make = getattr(module, name, None)
    if not callable(make):
        raise UnknownName(f"{file}:{name}: Expected a function of the seed, or a key of a dictionary of them.")
    return make  # type: ignore[no-any-return]  # A file of the user has no types here.


@cache
def _module(file: str) -> ModuleType:
    path = Path(file).resolve()
    spec = importlib.util.spec_from_file_location(f"streams_of_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnknownName(f"{file}: Expected a Python file with functions that make streams.")
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up here.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
