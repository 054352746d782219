"""Answers: the types of their bodies, and how they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from starlette.types import Send

from edgewise.decisions.explanation import Refusal
from edgewise.events.recorder import Rejection
from edgewise.http.content import Format
from edgewise.policies.policy import Mode

Group: TypeAlias = Literal["policy", "control", "pinned", "fallback", "preview", "none"]
HeaderList: TypeAlias = Sequence[tuple[bytes, bytes]]


class SlotAnswer(Struct, frozen=True, rename="camel"):
    """What to show in one slot of a row."""

    action: str | None
    payload: Mapping[str, Any]
    propensity: float | None


class WeighedAnswer(Struct, frozen=True, rename="camel"):
    """One action: with which propensity the policy shows it to this visitor (in a row: first), or why it does not."""

    id: str
    propensity: float | None
    refused: Refusal | None


class DebugAnswer(Struct, frozen=True, rename="camel"):
    """How a decision is made. The model's age is that of the last log entry that it knows."""

    enabled: bool
    mode: Mode
    model_age_seconds: float | None
    actions: Sequence[WeighedAnswer]


class DecisionAnswer(Struct, frozen=True, rename="camel"):
    """What to show in a placement: one action, or, in a row, one in each of its `slots`.

    `debug` is there in calls with a preview token for debugging.
    """

    placement: str
    decision_id: str | None
    group: Group
    policy_version: str | None
    model_version: int | None
    action: str | UnsetType | None = UNSET
    payload: Mapping[str, Any] | UnsetType = UNSET
    propensity: float | UnsetType | None = UNSET
    slots: Sequence[SlotAnswer] | UnsetType = UNSET
    debug: DebugAnswer | UnsetType = UNSET


class DecideAnswer(Struct, frozen=True, rename="camel"):
    """The answer to `POST /v1/decide`: one decision for each placement that was asked for, in their order."""

    anonymous_id: str | None
    decisions: Sequence[DecisionAnswer]


class PreviewAnswer(Struct, frozen=True, rename="camel"):
    """The answer to `POST /v1/previews`: what `preview` in a decide call must be, and until when it is good."""

    preview: str
    expires_at: str


class BatchAnswer(Struct, frozen=True, rename="camel"):
    """The answer to `POST /v1/batch`, and to a message that came alone."""

    success: bool
    accepted: int
    rejected: Sequence[Rejection]


class ModelAnswer(Struct, frozen=True, rename="camel"):
    """A published model. Its age is that of the last log entry that it knows."""

    version: int
    sha256: str
    learned_decisions: int
    age_seconds: float


class ActionAnswer(Struct, frozen=True, rename="camel"):
    """How an action does: its share of the slots that were seen until their window closed, and what they were worth."""

    id: str
    share: float
    mean_reward: float | None


class PolicyAnswer(Struct, frozen=True, rename="camel"):
    """How a policy does. `robots` were answered, and are counted nowhere else.

    `learner_lag_seconds` is how much of the log no published model knows yet.
    """

    placement: str
    policy_version: str
    mode: Mode
    decisions: int
    outcomes: int
    robots: int
    learner_lag_seconds: float
    model: ModelAnswer | None
    actions: Sequence[ActionAnswer]


class PoliciesAnswer(Struct, frozen=True, rename="camel"):
    """How all policies of a site do."""

    policies: Sequence[PolicyAnswer]


class ProfileAnswer(Struct, frozen=True, rename="camel"):
    """What is held of a visitor: under each of the ids that are known of them, a profile, or where it moved to."""

    id: str
    held: Sequence[Mapping[str, Any]]


class ErasureAnswer(Struct, frozen=True, rename="camel"):
    """An erasure is under way. `due` is when it is done at the latest; None where it begins at once."""

    status: Literal["accepted"]
    due: str | None


class StatusAnswer(Struct, frozen=True, rename="camel"):
    """How this server is."""

    status: Literal["alive", "ready"]


class DetailAnswer(Struct, frozen=True, rename="camel"):
    """One thing that is wrong in a request: where, and what."""

    path: str
    message: str


class ErrorBody(Struct, frozen=True, rename="camel"):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str
    details: Sequence[DetailAnswer] = ()


class ErrorAnswer(Struct, frozen=True, rename="camel"):
    """The one shape of every error."""

    error: ErrorBody


async def send_answer(send: Send, status: int, answer: Any, format: Format, headers: HeaderList = ()) -> None:
    """Send a whole answer."""
    await send_bytes(send, status, format.encode(answer), format.content_type, headers)


async def send_bytes(send: Send, status: int, body: bytes, content_type: bytes, headers: HeaderList = ()) -> None:
    """Send a whole answer whose bytes are made already. No cache may keep it."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
