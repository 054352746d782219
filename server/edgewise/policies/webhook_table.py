"""Reader of webhooks: the `[[webhooks]]` of a site file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

from edgewise.conditions.validation import attributes_in
from edgewise.config.messages import mismatch
from edgewise.config.table import Table, child, find_duplicates
from edgewise.config.values import DAY, duration, short_name
from edgewise.errors import Problem
from edgewise.policies.actions import read_condition
from edgewise.policies.segments import segment_problems
from edgewise.policies.sensitive_traits import sensitive_problems
from edgewise.types import Webhook

MOST_WEBHOOKS = 20
LONGEST_AFTER = 30 * DAY
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]{0,127}")


def read_webhooks(site: Table, segments: Iterable[str], sensitive: Collection[str]) -> tuple[Webhook, ...]:
    """The `[[webhooks]]` of a site file. Problems go to the file's table."""
    tables = site.tables("webhooks")
    if len(tables) > MOST_WEBHOOKS:
        site.report("webhooks", mismatch(f"at most {MOST_WEBHOOKS} webhooks", len(tables)))
    webhooks = [_read_webhook(table, segments, sensitive) for table in tables[:MOST_WEBHOOKS]]
    site.problems += find_duplicates(
        "webhook name",
        (
            (webhook.name, child(table.path, "name"))
            for webhook, table in zip(webhooks, tables, strict=False)
            if webhook.name
        ),
    )
    return tuple(webhooks)


def _read_webhook(table: Table, segments: Iterable[str], sensitive: Collection[str]) -> Webhook:
    where = child(table.path, "when")
    webhook = Webhook(
        table.take("name", short_name, "", required=True),
        table.take("url", _url, "", required=True),
        read_condition(table) or {},
        table.take("secret", _secret, "", required=True),
        table.take("after", duration(longest=LONGEST_AFTER), 0),
    )
    if not webhook.when and not any(problem.path.startswith(where) for problem in table.problems):
        table.report("when", "Missing condition. Add `when`: it decides which visitors trigger a message.")
    table.problems += sensitive_problems([(webhook.when, where)], sensitive)
    table.problems += segment_problems([(webhook.when, where)], segments)
    table.problems += (
        Problem(path, f"A webhook has no request and cannot test {attribute}. Use attributes of the visitor.")
        for attribute, _, path in attributes_in(webhook.when, where)
        if not attribute.startswith("visitor.")
    )
    table.report_unknown_keys()
    return webhook


def _url(value: Any) -> str:
    if isinstance(value, str) and len(value) <= 2048 and value.isascii() and value.isprintable() and " " not in value:
        try:
            parts = urlsplit(value)
            is_web_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_web_address = False
        if is_web_address and "@" not in parts.netloc and not parts.fragment:
            return value
    raise ValueError(mismatch("an http or https URL without user, password and fragment", value))


def _secret(value: Any) -> str:
    """No message quotes the secret."""
    if isinstance(value, str):
        if _VARIABLE.fullmatch(value) or (16 <= len(value) <= 256 and value.isascii()):
            return value
        expected = "16 to 256 ASCII characters, or $NAME for an environment variable"
        raise ValueError(f"Expected {expected}, found {len(value)} characters.")
    raise ValueError(mismatch("text", value))
