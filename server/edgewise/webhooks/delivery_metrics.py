"""What the courier measures. Where PROMETHEUS_MULTIPROC_DIR names a folder, the web workers' `/metrics` tells it."""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter

MESSAGES = Counter(
    "edgewise_webhook_messages",
    "Messages of webhooks: `sent` were taken, `failed` are tries that were not, `given_up` are not tried again.",
    ("site", "webhook", "result"),
)


def tried(site: str, webhook: str, result: Literal["sent", "failed", "given_up"]) -> None:
    """A message was sent, or not."""
    MESSAGES.labels(site, webhook, result).inc()
