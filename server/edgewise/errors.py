"""The tree of errors.

EdgewiseError
├── SettingsError          a flag or an EDGEWISE_* variable is invalid
├── PolicyError            policy or site files are invalid, with every problem
├── StoreError
│   ├── StoreUnavailable   the store is unreachable, or rejected a command
│   │   └── StoreReadOnly  the store answers, but accepts no writes
│   ├── StoreTimeout       the store did not acknowledge within the call's budget
│   ├── Fenced             another learner owns the policy now
│   └── WritesLost         the store lost writes that it had acknowledged
├── DataFolderLocked       another supervisor uses the data folder
├── ProcessFailed          a process of the server did not start or stop as it should
├── EntryError             the bytes are not a log entry
├── ProfileError           the bytes are not a profile
├── DeliveryFailed         a webhook's receiver did not accept a message
├── ReplayError            a log, its map, or the server to replay against is invalid
├── DemoFailed             the demo's server failed, or did not learn
└── RequestError           an HTTP request is invalid, with code, status and details

Messages name the place and the problem, and the next step for their reader.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One problem of an input. `path` is a key path, with the file or the line if there is one."""

    path: str
    message: str


class EdgewiseError(Exception):
    """Base of all errors that Edgewise raises on purpose."""


class SettingsError(EdgewiseError):
    """A flag or an EDGEWISE_* variable is invalid."""


class PolicyError(EdgewiseError):
    """Policy or site files are invalid. `problems` has every problem, each with its file and key path."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{problem.path}: {problem.message}" for problem in problems))


class StoreError(EdgewiseError):
    """The connection to the store failed, or its content is unexpected."""


class StoreUnavailable(StoreError):
    """The store is unreachable, or rejected a command."""


class StoreReadOnly(StoreUnavailable):
    """The store answers, but accepts no writes. The message is the reason."""


class StoreTimeout(StoreError):
    """The store did not acknowledge within the call's budget."""


class Fenced(StoreError):
    """Another learner owns the policy now: the policy's epoch in the store is newer than ours."""


class WritesLost(StoreError):
    """The store lost writes that it had acknowledged, for example the end of its append-only file."""


class DataFolderLocked(EdgewiseError):
    """Another supervisor uses the data folder."""


class ProcessFailed(EdgewiseError):
    """A process of the server did not start or stop as it should."""


class EntryError(EdgewiseError):
    """The bytes are not a log entry of a known version."""


class ProfileError(EdgewiseError):
    """The bytes are not a profile of a known version."""


class DemoFailed(EdgewiseError):
    """The demo's server failed, or did not learn."""


class DeliveryFailed(EdgewiseError):
    """A webhook's receiver did not accept a message, or its address is not allowed."""


class ReplayError(EdgewiseError):
    """A log, its map, or the server to replay against is invalid."""


class RequestError(EdgewiseError):
    """An HTTP request is invalid. The response has `status` and the error body with `code`, message and details."""

    def __init__(self, status: int, code: str, message: str, details: list[Problem] | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.details = details or []
        super().__init__(message)

    @classmethod
    def invalid(cls, *problems: Problem, status: int = 400, code: str = "invalid_request") -> RequestError:
        """The error of a request with these problems. The message joins them, each with its path in front."""
        message = " ".join(f"{path}: {text}" if path else text for path, text in problems)
        return cls(status, code, message, list(problems))
