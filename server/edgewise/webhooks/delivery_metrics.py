"""Metrics of webhook deliveries. With PROMETHEUS_MULTIPROC_DIR, `/metrics` of the web workers includes them."""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter

MESSAGES = Counter(
    "edgewise_webhook_messages",
    "Attempts to send webhook messages: `sent`, `failed`, or `given_up` after the last failure.",
    ("site", "webhook", "result"),
)


def count_attempt(site: str, webhook: str, result: Literal["sent", "failed", "given_up"]) -> None:
    MESSAGES.labels(site, webhook, result).inc()
