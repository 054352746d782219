"""The reference of sizes is the code's. Every constant that bounds an input is in it, or is listed here as internal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

import edgewise

PACKAGE = Path(edgewise.__file__).parent
PAGE = PACKAGE.parents[1] / "docs/reference/sizes.md"

SIZES: Mapping[str, list[tuple[str, str, str]]] = {
    "Requests": [
        ("address and headers together", "http.protocol:MAX_HEADERS", "bytes"),
        ("body of a decide call", "http.decide:MAX_BODY_BYTES", "bytes"),
        ("body of a batch, without the secret key", "http.batch:MAX_BATCH_BYTES", "bytes"),
        ("body of a single message", "http.batch:MAX_SINGLE_BYTES", "bytes"),
        ("body of a profile", "http.profile_api:MAX_BODY_BYTES", "bytes"),
        ("body of a preview", "http.preview_api:MAX_BODY_BYTES", "bytes"),
        ("gzipped body, as a multiple of its compressed size", "http.content:MAX_GZIP_RATIO", "count"),
        ("gzipped body, whatever its ratio", "http.content:ALWAYS_DECOMPRESSED", "bytes"),
        ("items of a list or object in MessagePack", "http.decode_cost:MAX_ITEMS", "count"),
        ("parameters of a query", "http.query:MAX_FIELDS", "count"),
        ("bytes of each other header that Edgewise reads", "http.content:MAX_HEADER", "bytes"),
        ("bytes of `User-Agent` in which crawlers are found", "visitors.robots:LONGEST_USER_AGENT", "count"),
        ("seconds for the address and the headers", "http.protocol:HEADER_SECONDS", "count"),
        ("seconds for the body", "http.protocol:BODY_SECONDS", "count"),
        ("seconds to read a response", "http.protocol:WRITE_SECONDS", "count"),
        ("requests that wait on one connection", "http.protocol:MAX_PIPELINED", "count"),
        ("connections of one address to a worker", "http.connections:MOST_PER_SOURCE", "count"),
        ("connections of a worker", "http.connections:MOST_CONNECTIONS", "count"),
    ],
    "Decide calls": [
        ("placements", "http.requests:MAX_PLACEMENTS", "count"),
        ("actions of all placements together, before the baseline is shown", "decisions.service:MOST_ACTIONS", "count"),
        ("`slots` of a placement", "http.requests:MAX_SLOTS", "count"),
        ("ids in `exclude`", "http.requests:MAX_EXCLUDED", "count"),
        ("characters of `page.url`, `page.path` and `page.referrer`", "http.requests:MAX_ADDRESS", "count"),
        ("fields in the query of `page.url`", "visitors.sources:MAX_QUERY_FIELDS", "count"),
        ("characters of any other text of the context, and of an id", "http.requests:MAX_SHORT_TEXT", "count"),
        ("characters of a time zone", "visitors.clock:LONGEST_NAME", "count"),
        ("values in `context.data`", "http.context:MAX_VALUES", "count"),
        ("levels of nesting in `context.data`", "http.context:MAX_DEPTH", "count"),
        ("characters of a text or key in `context.data`", "http.context:MAX_TEXT", "count"),
        ("characters of a preview token", "decisions.preview_token:MAX_LENGTH", "count"),
        ("features that the model sees of one namespace", "bandit.features:MAX_ITEMS", "count"),
        ("characters of all features of a context", "bandit.features:MAX_LINE", "count"),
        ("values and numbers that a model of `auto` knows", "bandit.linear_data:MAX_COLUMNS", "count"),
        ("features of the actions that it uses", "bandit.linear_data:MAX_FEATURES", "count"),
    ],
    "Messages": [
        ("messages in a batch", "http.requests:MAX_MESSAGES", "count"),
        ("a message", "http.decoding:MAX_MESSAGE_BYTES", "bytes"),
        ("values in a message", "http.decoding:MAX_MESSAGE_VALUES", "count"),
        ("levels of nesting in a message", "http.decoding:MAX_MESSAGE_DEPTH", "count"),
        ("characters of an id", "visitors.message:MAX_ID", "count"),
        ("characters of the name of an event", "visitors.message:MAX_EVENT_NAME", "count"),
        ("products that are read from a message", "visitors.products:MAX_PRODUCTS", "count"),
        ("days that a message may be ahead", "events.parser:FAR_AHEAD", "days"),
        ("days that a message may be old", "events.parser:FAR_BACK", "days"),
        ("days that a message may be old to pay a decision", "events.parser:MAX_AGE", "days"),
        ("rewards that one slot adds up", "learner.open_slot:MAX_REWARDS", "count"),
    ],
    "Profiles": [
        ("a profile", "store.profiles:LIMIT_BYTES", "bytes"),
        ("bytes of a name or text", "visitors.names:MAX_NAME_BYTES", "count"),
        ("traits", "visitors.traits:MAX_TRAITS", "count"),
        ("bytes of a trait's text, and of all texts of its list", "visitors.traits:MAX_TEXT_BYTES", "count"),
        ("values in a trait's list", "visitors.traits:MAX_LIST", "count"),
        ("names of events", "visitors.profile:MAX_EVENT_NAMES", "count"),
        ("types of pages", "visitors.profile:MAX_PAGES", "count"),
        ("categories, and brands", "visitors.profile:MAX_INTERESTS", "count"),
        ("viewed products", "visitors.profile:MAX_PRODUCTS", "count"),
        ("products in the cart", "visitors.cart:MAX_ITEMS", "count"),
        ("impressions", "visitors.profile:MAX_SEEN", "count"),
        ("ids", "visitors.profile:MAX_IDS", "count"),
        ("messages whose repetition a profile notices", "visitors.profile:REMEMBERED_MESSAGES", "count"),
        ("orders whose repetition a profile notices", "visitors.counted_orders:MAX_ORDERS", "count"),
        ("characters of an id in an imported file", "commands.customer_file:MAX_ID", "count"),
    ],
    "Policy and site files": [
        ("a file", "config.toml_file:LARGEST_FILE", "bytes"),
        ("characters of the name of a site, placement, segment or webhook", "config.values:LONGEST_NAME", "count"),
        ("actions", "policies.actions:MOST_ACTIONS", "count"),
        ("characters of an action's id", "policies.actions:LONGEST_ID", "count"),
        ("features of an action", "policies.actions:MOST_FEATURES", "count"),
        ("characters of a feature's name", "policies.actions:LONGEST_FEATURE_NAME", "count"),
        ("a payload, as JSON", "config.literals:LARGEST_PAYLOAD", "bytes"),
        ("levels of nesting in a payload", "config.literals:DEEPEST_LITERAL", "count"),
        ("levels of nesting in a condition", "conditions.validation:DEEPEST_CONDITION", "count"),
        ("characters in which a pattern is searched", "conditions.patterns:LONGEST_SUBJECT", "count"),
        ("slots", "policies.policy_file:MOST_SLOTS", "count"),
        ("pins", "policies.policy_file:MOST_PINS", "count"),
        ("`features.cross`", "policies.policy_file:MOST_CROSSES", "count"),
        ("attributes of one cross", "policies.policy_file:MOST_CROSSED", "count"),
        ("events in `[reward.events]`", "policies.policy_file:MOST_EVENTS", "count"),
        ("events in `not_after`", "policies.actions:MOST_EVENTS", "count"),
        ("characters of an event's name", "policies.actions:LONGEST_EVENT_NAME", "count"),
        ("days of `window` and `impression_within`", "policies.policy_file:LONGEST_WAIT", "days"),
        ("segments", "policies.segments:MOST_SEGMENTS", "count"),
        ("sensitive traits", "policies.sensitive_traits:MOST_SENSITIVE", "count"),
        ("webhooks", "policies.webhook_table:MOST_WEBHOOKS", "count"),
        ("days of a webhook's `after`", "policies.webhook_table:LONGEST_AFTER", "days"),
    ],
    "Queues": [
        ("waiting webhook messages of one visitor", "store.webhook_queues:MOST_QUEUED", "count"),
        ("visitors of a site with waiting messages", "store.webhook_queues:MOST_VISITORS", "count"),
        ("visitors of a site with dead letters", "store.webhook_queues:MOST_DEAD", "count"),
        ("waiting erasures of a site", "store.erasures:MOST_WAITING", "count"),
    ],
}
"""The rows of each table: the bounded thing, the constant, and how the page shows it."""

INTERNAL = {
    *("bandit.features:_MAX_CACHED", "bandit.features:_MAX_DEPTH", "bandit.features:_MAX_TOKEN"),
    *("bandit.best_action:MAX_COMPARED", "bandit.linear_scorer:_LONGEST_KNOWN", "bandit.linear_scorer:_MAX_KNOWN"),
    *("bandit.linear_scorer:_MAX_TOKENS", "bandit.linear_data:LARGEST_NUMBER", "bandit.linear_data:MAX_COMMON"),
    *("bandit.linear_data:MAX_SUMS", "bandit.linear_data:_MAX_CANDIDATES", "bandit.linear_data:_MAX_LEVELS"),
    *("commands.customer_file:_LONGEST_CELL", "commands.customer_file:_LONGEST_LINE"),
    *("conditions.coercion:DEEPEST", "conditions.compiler:_DEEPEST"),
    *("config.literals:LARGEST_INTEGER", "config.messages:LONGEST_QUOTE", "decisions.visitor_state:MAX_REDIRECTS"),
    *("events.retry:_LONGEST_PAUSE", "http.batch_recovery:MAX_TOKENS", "http.context:LONGEST_CACHED"),
    *("http.cors:LONGEST_CACHED", "http.decode_errors:_LONGEST_VALUE", "http.origin_log:MAX_ORIGINS"),
    *("http.protocol:_MAX_DISCARDED", "http.source:_LONGEST_HEADER"),
    *("visitors.browser:_MAX_ACCEPT_LANGUAGE", "visitors.browser:_MAX_USER_AGENT", "visitors.cart:MAX_PRICE"),
    *("visitors.identity:MAX_SHORT_PATH", "visitors.interests:_MAX_EXPONENT", "visitors.interests:_MAX_SCORE"),
    *("visitors.interests:_MAX_WORTH", "visitors.names:MAX_COUNT", "visitors.orders:MAX_REVENUE"),
    *("visitors.profile:LIMIT_BYTES", "visitors.profile:MAX_MERGED", "visitors.profile:MAX_TIME"),
    *("visitors.readable_text:LONGEST_HOST", "visitors.readable_text:LONGEST_LABEL"),
    *("visitors.products:_LARGEST_WHOLE", "visitors.readable_text:MOST_ACCENTS"),
    "visitors.traits:MAX_NUMBER",
    *("visitors.vocabulary:_LONGEST_TAG", "visitors.vocabulary:_LONGEST_WORD"),
    *("store.erasures:_MAX_ARGUMENTS", "store.reward_sources:MOST_SOURCES", "store.runtime:_LONGEST_SOCKET_PATH"),
    *("store.runtime:_MOST", "store.webhook_queues:MOST_UNKNOWN"),
}
"""Constants that no input of a user meets, or that only change how something is shown."""

ROOMS_OF_INPUT = ("bandit", "commands", "conditions", "config", "decisions", "events", "http", "policies", "store")
CONSTANT = re.compile(r"^(_?(?:MAX|MOST|LONGEST|LARGEST|DEEPEST|LIMIT|FAR)(?:_[A-Z_]+)?)(?:: \w+)? = ", re.MULTILINE)


def shown(reference: str, form: str) -> str:
    module, _, name = reference.partition(":")
    value = getattr(import_module(f"edgewise.{module}"), name)
    if form == "days":
        return f"{value / 86_400_000:g}"
    if form == "bytes":
        return f"{value >> 20} MiB" if value % (1 << 20) == 0 else f"{value >> 10} KiB"
    return f"{value:,.0f}"


@pytest.mark.parametrize("heading", SIZES)
def test_the_page_has_the_sizes_of_the_code(heading: str) -> None:
    table = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \| (.*) \|$", table, re.MULTILINE)
    assert rows[0] == ("what", "most")
    assert rows[1:] == [(what, shown(reference, form)) for what, reference, form in SIZES[heading]]


def test_every_bound_of_an_input_is_on_the_page() -> None:
    listed = {reference for rows in SIZES.values() for _, reference, _ in rows}
    found = {
        f"{room}.{file.stem}:{name}"
        for room in (*ROOMS_OF_INPUT, "visitors")
        for file in (PACKAGE / room).glob("*.py")
        for name in CONSTANT.findall(file.read_text())
    }
    assert found - listed - INTERNAL == set()
    assert INTERNAL - found == set()
