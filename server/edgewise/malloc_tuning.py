"""Settings of the C library's memory allocator, for processes that load and free models.

Only the GNU C library has these functions. With another one, freed memory may stay with the process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD = 1 << 20


def configure_malloc() -> None:
    """Give blocks of a megabyte and more back to the system as soon as they are freed, such as a model's weights.

    Otherwise the library raises this limit after the first such block. A model's weights would then come from memory
    that was used before, and all of it would be filled with zeros.
    """
    _call(lambda library: library.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD))


def return_free_memory() -> None:
    """Give free pages of smaller blocks back to the system. It takes about a millisecond for 100 MB."""
    _call(lambda library: library.malloc_trim(0))


def _call(function: Callable[[ctypes.CDLL], object]) -> None:
    with suppress(AttributeError):
        function(ctypes.CDLL(None))
