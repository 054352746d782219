"""`POST /v1/batch`, and `/v1/track` and the like: what visitors did, in the shape of Segment's HTTP Tracking API."""

from __future__ import annotations

from datetime import datetime

from edgewise.errors import RequestError
from edgewise.http import metrics
from edgewise.http.answers import BatchAnswer
from edgewise.http.auth import Gate
from edgewise.http.bodies import MAX_MESSAGES, BatchBody, Reader, SingleBody, read_message, read_messages
from edgewise.http.door import Call, Door
from edgewise.serving.recorder import Recorder
from edgewise.serving.telling import milliseconds
from edgewise.types import Milliseconds
from edgewise.visitors.message import Kind


class Batch(Door):
    """Many messages. One that is wrong is refused by its place in the batch; the others are recorded."""

    def __init__(self, gate: Gate, recorder: Recorder, limit: int) -> None:
        super().__init__(gate)
        self._recorder = recorder
        self._limit = limit

    async def open(self, call: Call) -> None:
        raw, format = await call.body(self._limit)
        body = _batch.read(raw, format)
        caller = self.gate.admit(call.headers, body.write_key)
        if len(body.batch) > MAX_MESSAGES:
            message = f"batch: found {len(body.batch)} messages, expected at most {MAX_MESSAGES}"
            raise RequestError(413, "batch_too_large", message)
        messages, unreadable = read_messages(body.batch, format)
        consent = "denied" if call.opted_out else body.consent
        refused = await self._recorder.record(caller.site, messages, _milliseconds(body.sent_at), consent)
        rejected = sorted((*unreadable, *refused), key=lambda rejection: rejection.index)
        accepted = len(body.batch) - len(rejected)
        metrics.recorded(accepted, rejected)
        await call.answer(BatchAnswer(True, accepted, rejected), caller.cors)


class Single(Door):
    """One message, whose kind the path says. When it is wrong, the answer is an error."""

    def __init__(self, gate: Gate, recorder: Recorder, limit: int, kind: Kind) -> None:
        super().__init__(gate)
        self._recorder = recorder
        self._limit = limit
        self._kind = kind

    async def open(self, call: Call) -> None:
        raw, format = await call.body(self._limit)
        body = _single.read(raw, format)
        caller = self.gate.admit(call.headers, body.write_key)
        message = read_message(raw, format, self._kind)
        consent = "denied" if call.opted_out else body.consent
        rejected = await self._recorder.record(caller.site, [(0, message)], _milliseconds(body.sent_at), consent)
        metrics.recorded(1 - len(rejected), rejected)
        for rejection in rejected:
            raise RequestError(400, rejection.code, rejection.message)
        await call.answer(BatchAnswer(True, 1, ()), caller.cors)


def _milliseconds(time: datetime | None) -> Milliseconds | None:
    return None if time is None else milliseconds(time)


_batch = Reader(BatchBody)
_single = Reader(SingleBody)
