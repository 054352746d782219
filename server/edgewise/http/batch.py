"""`POST /v1/batch` and single messages such as `POST /v1/track`, as in Segment's HTTP Tracking API."""

from __future__ import annotations

import asyncio

from edgewise.errors import RequestError
from edgewise.events.parser import milliseconds
from edgewise.events.recorder import INTERNAL_ERROR, Recorder, Rejection
from edgewise.http import metrics
from edgewise.http.admission import BodyLimits, admit
from edgewise.http.auth import Authenticator, Caller
from edgewise.http.decoding import (
    MAX_MESSAGE_BYTES,
    BatchReader,
    BodyDecoder,
    decode_message,
    decode_messages,
)
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.requests import MAX_MESSAGES, BatchBody, SingleBody
from edgewise.http.responses import BatchResponse, hints_about
from edgewise.http.source import SourceLimits
from edgewise.http.unproven_users import report_unproven_users
from edgewise.ids.user_proof import UserProof
from edgewise.visitors.browser import UNKNOWN
from edgewise.visitors.message import Kind, Message
from edgewise.visitors.robots import is_crawler

MAX_BATCH_BYTES = 512 * 1024
"""The largest batch of a browser. With the secret key, the setting `max_body` is the limit."""

MAX_SINGLE_BYTES = 2 * MAX_MESSAGE_BYTES

_MESSAGES_AT_ONCE = 50
"""Other requests have a turn between the decoding of so many messages."""

_single_decoder = BodyDecoder(SingleBody)


class _RecordingEndpoint(Endpoint):
    """Records messages."""

    for_browsers = True

    def __init__(
        self, auth: Authenticator, recorder: Recorder, limits: BodyLimits, sources: SourceLimits | None = None
    ) -> None:
        super().__init__(auth)
        self._recorder = recorder
        self._limits = limits
        self._source_limits = sources

    def _check_budget(self, request: HttpRequest, caller: Caller, messages: int) -> None:
        """
        Raises:
            RequestError: 429, the source has sent too many messages.
        """
        if self._source_limits is not None:
            self._source_limits.check_messages(request, caller, messages)

    async def _record(
        self,
        request: HttpRequest,
        caller: Caller,
        messages: list[tuple[int, Message]],
        body: BatchBody | SingleBody,
        proof: UserProof,
    ) -> list[Rejection]:
        """Record messages and return the rejected ones. Messages of crawlers are accepted and dropped."""
        # A server's own headers do not describe the visitor.
        browser = UNKNOWN if caller.is_server else request.browser
        if caller.may_be_robot and is_crawler(request.headers.get(b"user-agent")):
            metrics.count_dropped_messages(caller.site.name, "robot", len(messages))
            return []
        sent_at = None if body.sent_at is None else milliseconds(body.sent_at)
        consent = "denied" if request.is_opted_out else body.consent
        source = None if self._source_limits is None else self._source_limits.source(request, caller)
        rejections = await self._recorder.record(
            caller.site, messages, sent_at, proof, consent, caller.may_be_robot, browser, source
        )
        if proof.refused:
            report_unproven_users(caller.site, proof)
        return rejections


class BatchEndpoint(_RecordingEndpoint):
    """Records the valid messages of a batch, and lists the others in the response."""

    def __init__(
        self, auth: Authenticator, recorder: Recorder, max_body: int, sources: SourceLimits | None = None
    ) -> None:
        super().__init__(auth, recorder, BodyLimits(min(MAX_BATCH_BYTES, max_body), max_body), sources)

    async def handle(self, request: HttpRequest) -> None:
        reader = BatchReader()
        caller, raw, format = await admit(self.auth, request, self._limits, reader.read_key)
        body = reader.decode(raw, format)
        count = len(body.batch)
        if count > MAX_MESSAGES:
            message = f"batch: Expected at most {MAX_MESSAGES} messages, found {count}."
            raise RequestError(413, "batch_too_large", message)
        self._check_budget(request, caller, count)
        messages: list[tuple[int, Message]] = []
        rejections: list[Rejection] = []
        for first in range(0, count, _MESSAGES_AT_ONCE):
            if first:
                await asyncio.sleep(0)
            decoded, undecodable = decode_messages(body.batch[first : first + _MESSAGES_AT_ONCE], format, first)
            messages += decoded
            rejections += undecodable
        proof = caller.user_proof()
        rejections += await self._record(request, caller, messages, body, proof)
        rejections.sort(key=lambda rejection: rejection.index)
        accepted = count - len(rejections)
        metrics.count_messages(accepted, rejections)
        await request.respond(BatchResponse(True, accepted, rejections, hints_about(proof)), caller.cors)


class MessageEndpoint(_RecordingEndpoint):
    """Records one message of the kind in the path. A rejected message is an error."""

    def __init__(
        self, auth: Authenticator, recorder: Recorder, max_body: int, kind: Kind, sources: SourceLimits | None = None
    ) -> None:
        super().__init__(auth, recorder, BodyLimits.at_most(MAX_SINGLE_BYTES, max_body), sources)
        self._kind = kind

    async def handle(self, request: HttpRequest) -> None:
        caller, raw, format = await admit(self.auth, request, self._limits)
        self._check_budget(request, caller, 1)
        body = _single_decoder.decode(raw, format)
        message = decode_message(raw, format, self._kind)
        proof = caller.user_proof()
        rejections = await self._record(request, caller, [(0, message)], body, proof)
        metrics.count_messages(1 - len(rejections), rejections)
        for rejection in rejections:
            status = 500 if rejection.code == INTERNAL_ERROR else 400
            raise RequestError(status, rejection.code, rejection.message)
        await request.respond(BatchResponse(True, 1, (), hints_about(proof)), caller.cors)
