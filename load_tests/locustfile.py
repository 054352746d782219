"""Visitor journeys for Locust, to load-test your own server.

Do not run it against a live server, because the model learns from all events. docs/engineering/operations.md has the
commands, and explains the results.

A visitor requests a decision, sends an impression and sometimes a click. Locust reports the rates and latencies of both
calls. A fallback counts as a failure. Environment variables:

- `EDGEWISE_WRITE_KEY`: the site's write key, by default `default`
- `EDGEWISE_PLACEMENT`: the placement to request, by default `home-hero`
- `EDGEWISE_CLICKED`: the share of visits with a click, by default 0.1
- `EDGEWISE_RUN_TIME`: the seconds until it stops, by default 60, unless --run-time is given

Without --host it calls http://127.0.0.1:8080. One process of Locust spends about a millisecond on each request. To
measure the highest rate of a server, use `make bench`.
"""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

from locust import FastHttpUser, between, events, task

WRITE_KEY = os.environ.get("EDGEWISE_WRITE_KEY", "default")
PLACEMENT = os.environ.get("EDGEWISE_PLACEMENT", "home-hero")
CLICKED = float(os.environ.get("EDGEWISE_CLICKED", "0.1"))
RUN_TIME = int(os.environ.get("EDGEWISE_RUN_TIME", "60"))


class LocustVisitor(FastHttpUser):  # type: ignore[misc, unused-ignore]  # Locust may be missing.
    """An anonymous visitor who opens a page every few seconds."""

    host = "http://127.0.0.1:8080"
    wait_time = between(1, 5)

    def on_start(self) -> None:
        self.anonymous_id = str(uuid.uuid4())
        self.device = random.choice(("mobile", "desktop", "tablet"))

    @task  # type: ignore[misc, untyped-decorator, unused-ignore]
    def open_a_page(self) -> None:
        decision_id = self._decide()
        if decision_id is not None:
            self._track("$impression", decision_id)
            if random.random() < CLICKED:
                self._track("$click", decision_id)

    def _decide(self) -> str | None:
        """The id of the decision, or None for a fallback or an error."""
        body = {
            "writeKey": WRITE_KEY,
            "anonymousId": self.anonymous_id,
            "placements": [PLACEMENT],
            "context": {"page": {"type": "home"}, "device": {"type": self.device}, "locale": "en-GB"},
        }
        with self.client.post("/v1/decide", json=body, catch_response=True) as response:
            if response.status_code != 200:
                return None  # Locust counts this as a failure.
            decision: dict[str, Any] = response.json()["decisions"][0]
            if decision["group"] not in ("policy", "control"):
                response.failure(f"Expected group 'policy' or 'control', found {decision['group']!r}.")
            decision_id: str | None = decision["decisionId"]
            return decision_id

    def _track(self, event: str, decision_id: str) -> None:
        message = {
            "type": "track",
            "event": event,
            "messageId": str(uuid.uuid4()),
            "anonymousId": self.anonymous_id,
            "properties": {"decisionId": decision_id},
        }
        self.client.post("/v1/batch", json={"writeKey": WRITE_KEY, "batch": [message]})


@events.init.add_listener  # type: ignore[misc, untyped-decorator, unused-ignore]
def limit_run_time(environment: Any, **_: Any) -> None:
    """Stop a load test that was left running."""
    options = environment.parsed_options
    if options is not None and not options.run_time:
        options.run_time = RUN_TIME
