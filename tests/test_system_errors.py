from __future__ import annotations

import errno
import os

import pytest

from edgewise.system_errors import describe_system_error, has_advice


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "data/lock: Permission denied. Give this user the right to it, or choose another path."),
        (errno.EROFS, "data/lock: Read-only file system. Choose a path on a disk that can be written."),
        (errno.ENOSPC, "data/lock: No space left on device. Free some space on its disk."),
        (errno.EISDIR, "data/lock: Is a directory. Choose another path."),
        (errno.EEXIST, "data/lock: File exists. A file is there. Remove it, or choose another path."),
    ],
)
def test_an_error_has_its_path_and_advice(number: int, sentence: str) -> None:
    assert describe_system_error(OSError(number, os.strerror(number), "data/lock")) == sentence


def test_an_error_without_a_path_or_a_number_is_one_line() -> None:
    many = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert (
        describe_system_error(many) == "Too many open files. Allow more open files, for example with `ulimit -n 4096`."
    )
    assert describe_system_error(OSError("broken")) == "broken. Check the machine."
    assert describe_system_error(ConnectionResetError()) == "ConnectionResetError. Check the machine."


def test_only_an_error_that_the_user_can_mend_has_advice() -> None:
    assert has_advice(PermissionError(errno.EACCES, "Permission denied"))
    assert not has_advice(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert not has_advice(OSError("broken"))
