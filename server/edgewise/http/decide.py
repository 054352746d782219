"""`POST /v1/decide`: what to show to a visitor, in each placement that is asked for."""

from __future__ import annotations

import asyncio
from time import perf_counter

import msgspec

from edgewise.decisions.request import Asked, Visitor
from edgewise.decisions.result import Decided
from edgewise.decisions.service import Decider
from edgewise.http import metrics
from edgewise.http.auth import Gate
from edgewise.http.context import attributes_of
from edgewise.http.endpoint import Call, Door
from edgewise.http.requests import DecideBody, Reader
from edgewise.http.responses import DebugAnswer, DecideAnswer, DecisionAnswer, SlotAnswer, WeighedAnswer
from edgewise.visitors.browser import UNKNOWN
from edgewise.visitors.consent import consent_of
from edgewise.visitors.robots import DECIDES_A_SECOND, DECIDES_AT_ONCE, Rate, is_crawler


class Decide(Door):
    """Parses, lets the decider decide, answers. `limit` is the most bytes that a body may have.

    `country_header` names the header in which a CDN says in which country the visitor is.
    """

    for_pages = True

    def __init__(self, gate: Gate, decider: Decider, limit: int, country_header: str | None = None) -> None:
        super().__init__(gate)
        self._decider = decider
        self._limit = limit
        self._country_header = None if country_header is None else country_header.lower().encode()
        self._clock = asyncio.get_running_loop().time
        self._rate = Rate(DECIDES_A_SECOND, DECIDES_AT_ONCE)

    async def open(self, call: Call) -> None:
        # The event loop's clock is for deadlines: uvloop's tells whole milliseconds.
        started, began = self._clock(), perf_counter()
        body = _reader.read(*await call.body(self._limit))
        caller = self.gate.admit(call.headers, body.write_key)
        # What a server says of itself says nothing of the visitor.
        browser = UNKNOWN if caller.trusted else call.browser
        country = None if caller.trusted or not self._country_header else call.headers.get(self._country_header)
        consent = consent_of(caller.site.settings.consent, "denied" if call.opted_out else body.consent)
        visitor = Visitor(body.anonymous_id or None, body.user_id or None, consent)
        preview = None if body.preview is None else self._decider.preview(caller.site, body.preview)
        visitor = visitor._replace(
            robot=caller.watched and self._is_robot(caller.site.name, visitor, call.headers.get(b"user-agent"))
        )
        decided = await self._decider.decide(
            caller.site,
            visitor,
            [
                Asked(placement)
                if isinstance(placement, str)
                else Asked(placement.id, placement.slots, placement.exclude, placement.action)
                for placement in body.placements
            ],
            attributes_of(body.context, browser, country=country),
            started,
            preview=preview,
        )
        answers = [_answer(one) for one in decided] if preview is None else [_debugged(one) for one in decided]
        answer = DecideAnswer(body.anonymous_id if consent == "granted" else None, answers)
        await call.answer(answer, caller.cors)
        apart: metrics.Apart | None = "preview" if preview is not None else "robot" if visitor.robot else None
        metrics.decided(caller.site, decided, perf_counter() - began, consent, apart)

    def _is_robot(self, site: str, visitor: Visitor, user_agent: bytes | None) -> bool:
        id = visitor.anonymous_id or visitor.user_id
        too_much = id is not None and visitor.consent == "granted" and self._rate.exceeded(site, id)
        return too_much or is_crawler(user_agent)


def _answer(decided: Decided) -> DecisionAnswer:
    said = (
        decided.placement,
        decided.decision_id,
        decided.group,
        decided.policy_version,
        decided.model_version,
    )
    if not decided.row:
        (shown,) = decided.slots
        return DecisionAnswer(*said, *shown)
    return DecisionAnswer(*said, slots=[SlotAnswer(*shown) for shown in decided.slots])


def _debugged(decided: Decided) -> DecisionAnswer:
    """The answer, with how it was decided where that is told."""
    answer, said = _answer(decided), decided.explanation
    if said is None:
        return answer
    age = None if said.model_age is None else said.model_age / 1000
    actions = [WeighedAnswer(*weighed) for weighed in said.actions]
    return msgspec.structs.replace(answer, debug=DebugAnswer(said.enabled, said.mode, age, actions))


_reader = Reader(DecideBody)
