"""Every key of the store, with its type and its bound.

The keys of a removed policy, or of a removed site, get a TTL. See `policy_expiry`.

The part in braces is the hash tag. All keys of one policy are on one node of a cluster, and so are all keys of one
visitor of a site. Names of sites and placements have no braces and no colons.
"""

from __future__ import annotations

from edgewise.types import SPANS, Digest, NotShownReason, PolicyRef, Span

SITES = "edgewise:sites"
"""Hash: the encoded sites, replaced as a whole, and at most 20 problems of refused policy files."""

DECISION_KEYS = "edgewise:decision-keys"
"""String: the keys that sign decision ids. One key, a few hundred bytes."""

IDENTITY_SECRETS = "edgewise:identity-secrets"
"""Hash: for each site with secrets of its own, the one or two that prove user ids. One field for each site."""


WRITE_CHECK = "edgewise:write-check"
"""String, empty: written to find out whether the store accepts writes. Expires after a second."""

CHECK = "{edgewise}:check"
"""String: what the check of a store tries commands on. Deleted at the end of the check, else it expires in a minute."""

PATTERNS = ("edgewise:*", "{*")
"""Patterns that match every key."""


def log(ref: PolicyRef) -> str:
    """Stream: the policy's log. The learner trims it to its retention and its byte limit."""
    return f"{{{ref.site}:{ref.placement}}}:log"


def draft(ref: PolicyRef) -> str:
    """Stream: the draft of a log rewrite. Expires an hour after the last entry."""
    return f"{{{ref.site}:{ref.placement}}}:draft"


def policy_of(key: str) -> PolicyRef:
    """The policy of one of its keys."""
    site, _, placement = key[1:].partition("}")[0].partition(":")
    return PolicyRef(site, placement)


def message(ref: PolicyRef, digest: Digest) -> str:
    """String, empty: the log has the event with this message id, or of this order. Expires after 7 days."""
    return f"{{{ref.site}:{ref.placement}}}:m:{digest.hex()}"


def current(ref: PolicyRef) -> str:
    """Hash: the current version. One for each policy."""
    return f"{{{ref.site}:{ref.placement}}}:current"


def blob(ref: PolicyRef, version: Digest) -> str:
    """String: a policy version. Expires 7 days after the last retained decision that names it."""
    return f"{{{ref.site}:{ref.placement}}}:v:{version.hex()}"


def versions(ref: PolicyRef) -> str:
    """Set: the versions that may have a blob. A member is removed after its blob expired."""
    return f"{{{ref.site}:{ref.placement}}}:versions"


def checkpoint(ref: PolicyRef) -> str:
    """Hash: the writer's epoch and the checkpoint with the model. One for each policy."""
    return f"{{{ref.site}:{ref.placement}}}:checkpoint"


def base(ref: PolicyRef) -> str:
    """Hash: position to base checkpoint. One a day, deleted as retention moves on."""
    return f"{{{ref.site}:{ref.placement}}}:base"


def not_shown(ref: PolicyRef, reason: NotShownReason, day: int) -> str:
    """HyperLogLog: page views of a day since the epoch that kept the default. At most 12 KB. Expires in 7 days."""
    return f"{{{ref.site}:{ref.placement}}}:n:{reason}:{day}"


def not_shown_notice(ref: PolicyRef) -> str:
    """String, empty: the server has logged that pages keep the default. Expires in 7 days."""
    return f"{{{ref.site}:{ref.placement}}}:n"


def erasures(site: str) -> str:
    """Hash: digests of visitors with a pending erasure. At most 100,000. A digest is removed when it is erased."""
    return f"{{{site}}}:erasures"


def profile(site: str, visitor: Digest) -> str:
    """String: a visitor's profile, at most 8 KB. Every write sets its TTL: days until a second visit, then a year."""
    return f"{{{site}:{visitor.hex()}}}:p"


def exposure(site: str, visitor: Digest, span: Span) -> str:
    """Hash: a visitor's exposure in one span. Every write sets a TTL. A few fields for each action."""
    return f"{{{site}:{visitor.hex()}}}:c:{span[0]}"


def hooks(site: str, visitor: Digest) -> str:
    """Hash: the webhooks whose conditions a visitor meets or may meet soon. At most 40 fields. TTL as a profile."""
    return f"{{{site}:{visitor.hex()}}}:w"


def hook_queue(site: str, visitor: Digest) -> str:
    """List: a visitor's waiting messages. At most 100. Expires 7 days after the last change."""
    return f"{{{site}:{visitor.hex()}}}:wq"


def hook_lease(site: str, visitor: Digest) -> str:
    """String: the dispatcher that sends a visitor's messages. Expires after a minute."""
    return f"{{{site}:{visitor.hex()}}}:wl"


def dead_letters(site: str, visitor: Digest) -> str:
    """List: a visitor's dead letters. At most 100. Expires 30 days after the last one."""
    return f"{{{site}:{visitor.hex()}}}:wx"


def webhook_index(site: str) -> str:
    """Sorted set: visitors to check for webhooks, by time. At most 100,000. A visitor is removed after the check."""
    return f"{{{site}}}:webhooks"


def dead_letter_index(site: str) -> str:
    """Sorted set: the latest 1,000 visitors with dead letters. Expires 30 days after the last one."""
    return f"{{{site}}}:webhooks:dead"


def reward_sources(ref: PolicyRef, day: int) -> str:
    """Sorted set: digests of the addresses with the most rewards of a day. At most 256. Expires after two days."""
    return f"{{{ref.site}:{ref.placement}}}:sources:{day}"


def rewards(ref: PolicyRef, day: int) -> str:
    """String: the number of rewards of a day. Expires after two days."""
    return f"{{{ref.site}:{ref.placement}}}:rewards:{day}"


def budget(name: str, subject: str) -> str:
    """String: when the budget of a subject is full again. Expires at that time, so within the budget's period."""
    return f"{{budget:{subject}}}:{name}"


def profiles(site: str) -> str:
    """A pattern that matches the profiles of all visitors of a site."""
    return f"{{{site}:*}}:p"


def messages(site: str) -> str:
    """A pattern that matches the message ids in the logs of all policies of a site."""
    return f"{{{site}:*}}:m:*"


def exposures(site: str) -> str:
    """A pattern that matches the exposure of all visitors of a site in the longest span."""
    return f"{{{site}:*}}:c:v"


def visitor_of(key: str) -> Digest:
    """The visitor of one of their keys."""
    return bytes.fromhex(key.partition("}")[0].rpartition(":")[2])


def of_visitor(site: str, visitor: Digest) -> tuple[str, ...]:
    """Every possible key of a visitor. An erasure deletes them."""
    messages = (hooks(site, visitor), hook_queue(site, visitor), dead_letters(site, visitor))
    return (profile(site, visitor), *messages, *(exposure(site, visitor, span) for span in SPANS))
