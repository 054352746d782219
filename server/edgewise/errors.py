"""The tree of errors.

EdgewiseError
├── SettingsError          a flag or an EDGEWISE_* variable is wrong
├── PolicyError            a policy or site file is wrong; carries every problem found
├── StoreError
│   ├── StoreUnavailable   the store cannot be reached or refused a command
│   ├── StoreOverdue       the store did not acknowledge within the call's budget
│   ├── Fenced             another learner owns this policy now
│   └── TailLost           the store has forgotten what it had acknowledged
├── DataFolderLocked       another supervisor runs on this data folder
├── EntryError             a log entry's bytes are not an entry
├── ProfileError           a profile's bytes are not a profile
├── DeliveryFailed         a webhook's receiver did not take a message
├── ReplayError            a log or its map is wrong, or the server that it is replayed against is
├── DemoFailed             the demo's server failed, or did not do what it is to show
└── RequestError           an HTTP request is wrong; carries code, status and details

Every message says what was found, what was expected, and where.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong in an input: where (a key path, with a file or line where known), and what."""

    path: str
    message: str


class EdgewiseError(Exception):
    """Base of all errors that Edgewise raises on purpose."""


class SettingsError(EdgewiseError):
    """A flag or an EDGEWISE_* variable is wrong."""


class PolicyError(EdgewiseError):
    """A policy or site file is wrong.

    `problems` holds every problem found, each with its file and key path.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{p.path}: {p.message}" for p in problems))


class StoreError(EdgewiseError):
    """Something between us and the store went wrong."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, or refused a command."""


class StoreOverdue(StoreError):
    """The store did not acknowledge within the call's budget."""


class Fenced(StoreError):
    """Another learner has taken this policy over: its epoch is newer than ours."""


class TailLost(StoreError):
    """The store has forgotten what it had acknowledged: it came back without its tail."""


class DataFolderLocked(EdgewiseError):
    """Another supervisor runs on this data folder."""


class EntryError(EdgewiseError):
    """The bytes of a log entry are not an entry that this version knows."""


class ProfileError(EdgewiseError):
    """The bytes of a profile are not a profile that this version knows."""


class DemoFailed(EdgewiseError):
    """The demo's server failed, or did not do what the demo is to show."""


class DeliveryFailed(EdgewiseError):
    """A webhook's receiver did not take a message, or may not be called."""


class ReplayError(EdgewiseError):
    """A log that is to be replayed or its map is wrong, or the server that it is replayed against is."""


class RequestError(EdgewiseError):
    """An HTTP request that cannot be served; answered with `status` and the one error shape."""

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
