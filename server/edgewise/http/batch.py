"""`POST /v1/batch`, and `/v1/track` and the like: what visitors did, in the shape of Segment's HTTP Tracking API."""

from __future__ import annotations

from edgewise.errors import RequestError
from edgewise.events.parser import milliseconds
from edgewise.events.recorder import Recorder, Rejection
from edgewise.http import metrics
from edgewise.http.auth import Caller, Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.requests import MAX_MESSAGES, BatchBody, Reader, SingleBody, read_batch, read_message, read_messages
from edgewise.http.responses import BatchAnswer
from edgewise.visitors.browser import UNKNOWN
from edgewise.visitors.message import Kind, Message
from edgewise.visitors.robots import is_crawler


class _Messages(Door):
    """A door for messages."""

    for_pages = True

    def __init__(self, gate: Gate, recorder: Recorder, limit: int) -> None:
        super().__init__(gate)
        self._recorder = recorder
        self._limit = limit

    async def _record(
        self, call: Call, caller: Caller, messages: list[tuple[int, Message]], body: BatchBody | SingleBody
    ) -> list[Rejection]:
        """Record messages, unless a crawler sends them, and return those that were refused."""
        # What a server says of itself says nothing of the visitor.
        browser = UNKNOWN if caller.trusted else call.browser
        if caller.watched and is_crawler(call.headers.get(b"user-agent")):
            metrics.not_kept(caller.site.name, "robot", len(messages))
            return []
        sent_at = None if body.sent_at is None else milliseconds(body.sent_at)
        consent = "denied" if call.opted_out else body.consent
        return await self._recorder.record(caller.site, messages, sent_at, consent, caller.watched, browser)


class Batch(_Messages):
    """Many messages. One that is wrong is refused by its place in the batch; the others are recorded."""

    async def open(self, call: Call) -> None:
        raw, format = await call.body(self._limit)
        body = read_batch(raw, format)
        caller = self.gate.admit(call.headers, body.write_key)
        if len(body.batch) > MAX_MESSAGES:
            message = f"batch: found {len(body.batch)} messages, expected at most {MAX_MESSAGES}"
            raise RequestError(413, "batch_too_large", message)
        messages, unreadable = read_messages(body.batch, format)
        refused = await self._record(call, caller, messages, body)
        rejected = sorted((*unreadable, *refused), key=lambda rejection: rejection.index)
        accepted = len(body.batch) - len(rejected)
        metrics.recorded(accepted, rejected)
        await call.answer(BatchAnswer(True, accepted, rejected), caller.cors)


class Single(_Messages):
    """One message, whose kind the path says. When it is wrong, the answer is an error."""

    def __init__(self, gate: Gate, recorder: Recorder, limit: int, kind: Kind) -> None:
        super().__init__(gate, recorder, limit)
        self._kind = kind

    async def open(self, call: Call) -> None:
        raw, format = await call.body(self._limit)
        body = _single.read(raw, format)
        caller = self.gate.admit(call.headers, body.write_key)
        message = read_message(raw, format, self._kind)
        rejected = await self._record(call, caller, [(0, message)], body)
        metrics.recorded(1 - len(rejected), rejected)
        for rejection in rejected:
            raise RequestError(400, rejection.code, rejection.message)
        await call.answer(BatchAnswer(True, 1, ()), caller.cors)


_single = Reader(SingleBody)
