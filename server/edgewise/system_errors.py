"""Errors of the operating system as sentences: the path, the problem, and the next step."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

_OTHER_PATH = "Choose another path."
_RIGHTS = "Give this user the right to it, or choose another path."
_SPACE = "Free some space on its disk."
_FILES = "Allow more open files, for example with `ulimit -n 4096`."
_MEMORY = "Free some memory, or allow more processes."

_ADVICE: Mapping[int, str] = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "Choose a path on a disk that can be written.",
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EAGAIN: _MEMORY,
    errno.ENOMEM: _MEMORY,
    errno.ENOENT: "Check the path.",
    errno.EIO: "Check its disk.",
    errno.EEXIST: "A file is there. Remove it, or choose another path.",
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG), _OTHER_PATH),
}


def has_advice(error: OSError) -> bool:
    """Whether the user can mend the error: a wrong path, missing rights, or too little space, files or memory."""
    return error.errno in _ADVICE


def describe_system_error(error: OSError) -> str:
    """Describe an error in one line, such as `data/lock: Read-only file system. Choose a path …`."""
    problem = error.strerror or str(error) or type(error).__name__
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes | os.PathLike) else ""
    advice = _ADVICE.get(error.errno or 0, "Check the machine.")
    return f"{place}{problem[:200].rstrip('.')}. {advice}"
