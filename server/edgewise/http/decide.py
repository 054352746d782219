"""`POST /v1/decide`: decide which actions to show to a visitor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import msgspec

from edgewise.decisions.preview_token import WrongPreview
from edgewise.decisions.request import DecideCall, PlacementRequest, Visitor
from edgewise.decisions.result import PlacementResult
from edgewise.decisions.service import DecisionService
from edgewise.errors import RequestError
from edgewise.http import metrics
from edgewise.http.admission import BodyLimits, admit
from edgewise.http.auth import Authenticator, Caller
from edgewise.http.context import attributes_of
from edgewise.http.decoding import BodyDecoder
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.requests import DecideBody
from edgewise.http.responses import (
    ActionDebugResponse,
    DebugResponse,
    DecideResponse,
    DecisionResponse,
    ExpectedResponse,
    LearningResponse,
    SlotResponse,
    UserState,
    hints_about,
)
from edgewise.http.source import SourceLimits
from edgewise.http.unproven_users import report_unproven_users
from edgewise.serving.served_site import ServedSite
from edgewise.types import Attributes, Consent
from edgewise.visitors.browser import UNKNOWN
from edgewise.visitors.consent import decide_consent
from edgewise.visitors.robots import DECIDES_A_SECOND, DECIDES_AT_ONCE, RateLimit, is_crawler

MAX_BODY_BYTES = 256 * 1024

_decoder = BodyDecoder(DecideBody, has_any=True)


class DecideEndpoint(Endpoint):
    """Decodes the request, asks the decision service, and encodes its results.

    `max_body` is the setting. `country_header` names the header in which a CDN sends the visitor's country. A call over
    its source's budget gets the baseline, as a page must not break for the visitors of a busy address.
    """

    for_browsers = True

    def __init__(
        self,
        auth: Authenticator,
        decisions: DecisionService,
        max_body: int,
        country_header: str | None = None,
        sources: SourceLimits | None = None,
    ) -> None:
        super().__init__(auth)
        self._decisions = decisions
        self._limits = BodyLimits.at_most(MAX_BODY_BYTES, max_body)
        self._country_header = None if country_header is None else country_header.lower().encode()
        self._source_limits = sources
        self._clock = asyncio.get_running_loop().time
        self._rate = RateLimit(DECIDES_A_SECOND, DECIDES_AT_ONCE)

    async def handle(self, request: HttpRequest) -> None:
        # Deadlines need the event loop's clock. Under uvloop it counts whole milliseconds, too coarse for the metric.
        loop_start, timer_start = self._clock(), perf_counter()
        caller, raw, format = await admit(self.auth, request, self._limits)
        body = _decoder.decode(raw, format)
        preview = None if body.preview is None else self._decisions.preview(caller.site, body.preview)
        proof = caller.user_proof()
        placements = [
            PlacementRequest(placement)
            if isinstance(placement, str)
            else PlacementRequest(placement.id, placement.slots, placement.exclude, placement.action)
            for placement in body.placements
        ]
        consent = decide_consent(caller.site.settings.consent, "denied" if request.is_opted_out else body.consent)
        site, is_robot, is_limited = caller.site, False, False
        try:
            limits = self._source_limits
            is_limited = limits is not None and not limits.allow_decide(request, caller, len(placements))
            anonymous_id, user_id = body.anonymous_id or None, proof.accept(body.user_id, body.user_hash)
            is_robot = caller.may_be_robot and self._is_robot(request, site, anonymous_id or user_id, consent)
            visitor = Visitor(anonymous_id, user_id, consent, is_robot)
            context, deadline = self._context(request, caller, body), loop_start + self._decisions.budget
            call = DecideCall(site, visitor, placements, context, loop_start, deadline, preview=preview)
            results = self._baselines(site, placements) if is_limited else await self._decisions.decide(call)
        except (RequestError, WrongPreview):
            raise
        except Exception as fault:  # noqa: BLE001  # A page must not break, whatever happens.
            self._decisions.report_fault(site, fault)
            results = self._baselines(site, placements)
        decisions = [_response(result) for result in results]
        if preview is not None:
            user: UserState = "unproven" if proof.refused else "proven" if body.user_id else "none"
            decisions = [_with_debug(*pair, user) for pair in zip(decisions, results, strict=True)]
        response = DecideResponse(body.anonymous_id if consent == "granted" else None, decisions, hints_about(proof))
        await request.respond(response, caller.cors)
        non_visitor: metrics.NonVisitor | None = (
            "limited" if is_limited else "preview" if preview is not None else "robot" if is_robot else None
        )
        try:
            metrics.observe_decide_call(site, results, perf_counter() - timer_start, consent, non_visitor)
            if proof.refused:
                report_unproven_users(site, proof)
        except Exception as fault:  # noqa: BLE001  # The visitor has the response.
            self._decisions.report_fault(site, fault)

    def _baselines(self, site: ServedSite, placements: Sequence[PlacementRequest]) -> list[PlacementResult]:
        return [self._decisions.fall_back(site, placement) for placement in placements]

    def _context(self, request: HttpRequest, caller: Caller, body: DecideBody) -> Attributes:
        # A server's own headers do not describe the visitor.
        browser = UNKNOWN if caller.is_server else request.browser
        country = None if caller.is_server or not self._country_header else request.headers.get(self._country_header)
        return attributes_of(body.context, browser, country=country)

    def _is_robot(self, request: HttpRequest, site: ServedSite, id: str | None, consent: Consent) -> bool:
        too_many = bool(id) and consent == "granted" and self._rate.exceeded(site.name, id)
        return too_many or is_crawler(request.headers.get(b"user-agent"))


def _response(result: PlacementResult) -> DecisionResponse:
    common = (
        result.placement,
        result.decision_id,
        result.group,
        result.policy_version,
        result.model_version,
    )
    if not result.row:
        (slot,) = result.slots
        return DecisionResponse(*common, *slot)
    return DecisionResponse(*common, slots=[SlotResponse(*slot) for slot in result.slots])


def _with_debug(response: DecisionResponse, result: PlacementResult, user: UserState) -> DecisionResponse:
    explanation = result.explanation
    if explanation is None:
        return response
    age = None if explanation.model_age is None else explanation.model_age / 1000
    actions = [
        ActionDebugResponse(id, propensity, refused, expected and ExpectedResponse(*expected))
        for id, propensity, refused, expected in explanation.actions
    ]
    learning = explanation.progress and LearningResponse(*explanation.progress)
    debug = DebugResponse(explanation.enabled, explanation.mode, age, learning, actions, user)
    return msgspec.structs.replace(response, debug=debug)
