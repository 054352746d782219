"""Outgoing webhooks: who is to be told when a visitor newly meets a condition, in a site's `[[webhooks]]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

from edgewise.conditions.validation import attributes_in
from edgewise.config.claims import repeated
from edgewise.config.keypath import child
from edgewise.config.table import Table
from edgewise.config.values import DAY, duration, found, short_name
from edgewise.errors import Problem
from edgewise.policies.actions import read_condition
from edgewise.policies.segments import unknown_in
from edgewise.policies.sensitive import targeted
from edgewise.types import Webhook

MOST_WEBHOOKS = 20
LONGEST_AFTER = 30 * DAY
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]{0,127}")


def read_webhooks(site: Table, segments: Iterable[str], sensitive: Collection[str]) -> tuple[Webhook, ...]:
    """The `[[webhooks]]` of a site file; what is wrong with them is added to the file's problems."""
    tables = site.tables("webhooks")
    if len(tables) > MOST_WEBHOOKS:
        site.refuse("webhooks", f"found {len(tables)} webhooks, expected at most {MOST_WEBHOOKS}")
    webhooks = [_read(table, segments, sensitive) for table in tables[:MOST_WEBHOOKS]]
    site.problems += repeated(
        (webhook.name, child(table.path, "name"))
        for webhook, table in zip(webhooks, tables, strict=False)
        if webhook.name
    )
    return tuple(webhooks)


def _read(table: Table, segments: Iterable[str], sensitive: Collection[str]) -> Webhook:
    where = child(table.path, "when")
    webhook = Webhook(
        table.take("name", short_name, "", required=True),
        table.take("url", _url, "", required=True),
        read_condition(table) or {},
        table.take("secret", _secret, "", required=True),
        table.take("after", duration(longest=LONGEST_AFTER), 0),
    )
    if not webhook.when and not any(problem.path.startswith(where) for problem in table.problems):
        table.refuse("when", "found no condition, expected one: a message is sent when a visitor newly meets it")
    table.problems += targeted([(webhook.when, where)], sensitive)
    table.problems += unknown_in([(webhook.when, where)], segments)
    table.problems += (
        Problem(
            path, f"found {attribute}, expected an attribute of the visitor: nobody is asking when this is looked at"
        )
        for attribute, _, path in attributes_in(webhook.when, where)
        if not attribute.startswith("visitor.")
    )
    table.refuse_unknown_keys()
    return webhook


def _url(value: Any) -> str:
    if isinstance(value, str) and len(value) <= 2048 and value.isascii() and value.isprintable() and " " not in value:
        try:
            parts = urlsplit(value)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_one = False
        if is_one and "@" not in parts.netloc and not parts.fragment:
            return value
    raise ValueError(f"found {found(value)}, expected an http or https URL without a user, a password and a fragment")


def _secret(value: Any) -> str:
    """Never shown, not even in an error."""
    if isinstance(value, str) and (_VARIABLE.fullmatch(value) or (16 <= len(value) <= 256 and value.isascii())):
        return value
    what = f"text of {len(value)} characters" if isinstance(value, str) else found(value)
    raise ValueError(f"found {what}, expected 16 to 256 ASCII characters, or $NAME for that environment variable")
