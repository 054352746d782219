"""The types of responses, and how they are sent. The types' docstrings are the descriptions in /openapi.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from starlette.types import Send

from edgewise.events.recorder import Rejection
from edgewise.http.content import Format
from edgewise.ids.user_proof import UserProof
from edgewise.policies.eligibility import Refusal
from edgewise.policies.policy import Mode
from edgewise.types import Group, NotShownReason

HeaderList: TypeAlias = Sequence[tuple[bytes, bytes]]
UserState: TypeAlias = Literal["proven", "unproven", "none"]


class SlotResponse(Struct, frozen=True, rename="camel"):
    """The action in one slot of a placement with several slots."""

    action: str | None
    payload: Mapping[str, Any]
    propensity: float | None


class ExpectedResponse(Struct, frozen=True, rename="camel"):
    """The reward that the model expects of an action, and its 95% interval. `best` is the probability that the action
    is the best one.

    The interval leaves out what all actions have in common.
    """

    reward: float
    low: float
    high: float
    best: float


class LearningResponse(Struct, frozen=True, rename="camel"):
    """What the model has learned from.

    `conversions` is the number of learned rewards above the lowest. `exploration` is the share of about the last
    thousand learned slots that showed another action than the one with the highest expected reward. `tasteChanges` is
    how often the model noticed a change of taste.
    """

    conversions: int
    exploration: float
    taste_changes: int


class ActionDebugResponse(Struct, frozen=True, rename="camel"):
    """An action in the explanation of a decision.

    `propensity` is the probability that the policy shows it to this visitor, in the first slot if there are several.
    `refused` is the reason why the policy does not show it. `expected` is for this visitor, and null if the model has
    no expectations.
    """

    id: str
    propensity: float | None
    refused: Refusal | None
    expected: ExpectedResponse | None


class DebugResponse(Struct, frozen=True, rename="camel"):
    """The explanation of a decision. The age of a model is the age of the last log entry that it has learned from.

    `user` is whether the request's user id counts, or `none` without one. `learning` is that of the policy's results.
    """

    enabled: bool
    mode: Mode
    model_age_seconds: float | None
    learning: LearningResponse | None
    actions: Sequence[ActionDebugResponse]
    user: UserState


class DecisionResponse(Struct, frozen=True, rename="camel"):
    """The decision for one placement: one action with its payload, or `slots` with an action each.

    `group` is how it was decided. `none` means that the placement is unknown, switched off, or has no eligible action.
    `debug` is present if the request has a preview token for debugging.
    """

    placement: str
    decision_id: str | None
    group: Group
    policy_version: str | None
    model_version: int | None
    action: str | UnsetType | None = UNSET
    payload: Mapping[str, Any] | UnsetType = UNSET
    propensity: float | UnsetType | None = UNSET
    slots: Sequence[SlotResponse] | UnsetType = UNSET
    debug: DebugResponse | UnsetType = UNSET


class Hint(Struct, frozen=True, rename="camel"):
    """Something in a request that did not count, although the request succeeded. `code` is for programs."""

    code: str
    message: str


UNPROVEN_USER = Hint(
    "unproven_user",
    "userId: No userHash proves this id, so the anonymous id alone counts. Send the HMAC-SHA256 of the id as userHash, "
    "or send the secret key.",
)


def hints_about(proof: UserProof) -> Sequence[Hint] | UnsetType:
    return (UNPROVEN_USER,) if proof.refused else UNSET


class DecideResponse(Struct, frozen=True, rename="camel"):
    """The response to `POST /v1/decide`: one decision for each placement of the request, in the same order.

    `anonymousId` is null without consent. Then the client must not store an id.
    """

    anonymous_id: str | None
    decisions: Sequence[DecisionResponse]
    hints: Sequence[Hint] | UnsetType = UNSET


class PreviewResponse(Struct, frozen=True, rename="camel"):
    """The response to `POST /v1/previews`: the token to send as `preview` to `POST /v1/decide`."""

    preview: str
    expires_at: str


class BatchResponse(Struct, frozen=True, rename="camel"):
    """The response to `POST /v1/batch` and to single messages: the number of accepted messages, and the others."""

    success: bool
    accepted: int
    rejected: Sequence[Rejection]
    hints: Sequence[Hint] | UnsetType = UNSET


class ModelResponse(Struct, frozen=True, rename="camel"):
    """The published model of a policy. Its age is the age of the last log entry that it has learned from.

    `learning` is null before the first reward, and for the algorithms of Vowpal Wabbit. `summary` has the same in
    words.
    """

    version: int
    sha256: str
    learned_decisions: int
    age_seconds: float
    learning: LearningResponse | None
    summary: str


class ActionResponse(Struct, frozen=True, rename="camel"):
    """The results of an action: its share of the slots that visitors saw, and their mean reward.

    Both count only slots whose reward window has closed. `expected` is what the model expects of the average visitor.
    It is null if the model has no expectations.
    """

    id: str
    share: float
    mean_reward: float | None
    expected: ExpectedResponse | None


class FileResponse(Struct, frozen=True, rename="camel"):
    """The state of the policy files. `error` has the problems of the last edit, if it was refused."""

    error: str | None


class RewardSourcesResponse(Struct, frozen=True, rename="camel"):
    """The rewards of today and yesterday (UTC), and the share of them that the three busiest addresses brought.

    `alarm` is true if that is more than half of at least 100 rewards.
    """

    rewards: int
    top_share: float
    alarm: bool


class PolicyResponse(Struct, frozen=True, rename="camel"):
    """The results of a policy, and the state of the policy files.

    `decisions` does not include those for robots, which `robots` counts.

    `learnerLagSeconds` is the part of the log that no published model has learned from yet. `logAheadSeconds` is
    how far the log is ahead of the store's clock. It is above 0 only after that clock was set back. `notShown` counts
    the page views of the last 7 days that kept the default content in place of a decision, by reason.
    """

    placement: str
    policy_version: str
    file: FileResponse
    mode: Mode
    decisions: int
    outcomes: int
    robots: int
    learner_lag_seconds: float
    log_ahead_seconds: float
    not_shown: Mapping[NotShownReason, int]
    reward_sources: RewardSourcesResponse
    model: ModelResponse | None
    actions: Sequence[ActionResponse]


class PoliciesResponse(Struct, frozen=True, rename="camel"):
    """The results of all policies of a site."""

    policies: Sequence[PolicyResponse]


class VisitorResponse(Struct, frozen=True, rename="camel"):
    """What conditions see of a visitor, under `visitor`. `kind` is the use of the id in the path.

    `segments` are those that hold without a page. Conditions do not see the `sensitiveTraits`.
    """

    kind: Literal["user", "anonymous"]
    visitor: Mapping[str, Any]
    sensitive_traits: Mapping[str, Any]


class ProfileResponse(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The data of a visitor.

    `visitors` has one item, or two if the id is in use as a user id and as an anonymous one. In the stored form, `held`
    has for each id of the visitor a profile, or the id that it was merged into.
    """

    id: str
    visitors: Sequence[VisitorResponse] = ()
    held: Sequence[Mapping[str, Any]] = ()


class ErasureResponse(Struct, frozen=True, rename="camel"):
    """The response to an erasure. `due` is the latest time of its completion, or null if it starts at once."""

    status: Literal["accepted"]
    due: str | None


class StatusResponse(Struct, frozen=True, rename="camel"):
    """The health of this server."""

    status: Literal["alive", "ready"]


class ErrorDetail(Struct, frozen=True, rename="camel"):
    """A problem in a request. `path` names the wrong value, such as `placements[0].id`."""

    path: str
    message: str


class ErrorInfo(Struct, frozen=True, rename="camel"):
    """An error. `code` is for programs, `message` is for people."""

    code: str
    message: str
    details: Sequence[ErrorDetail] = ()


class ErrorResponse(Struct, frozen=True, rename="camel"):
    """The response to a request that failed. All errors have this shape."""

    error: ErrorInfo


async def send_response(send: Send, status: int, response: Any, format: Format, headers: HeaderList = ()) -> None:
    """Encode and send a response."""
    await send_bytes(send, status, format.encode(response), format.content_type, headers)


async def send_bytes(send: Send, status: int, body: bytes, content_type: bytes, headers: HeaderList = ()) -> None:
    """Send an encoded response, which caches must not store."""
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
