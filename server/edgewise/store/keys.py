"""Every key of the store, and what bounds it.

The part in braces is the hash tag: all keys of one policy live on one node of a cluster, and so do all keys of one
visitor of a site. Names of sites and placements hold neither braces nor colons.
"""

from __future__ import annotations

from edgewise.types import SPANS, Digest, PolicyRef, Span

SITES = "edgewise:sites"
"""Hash: what web workers know of the sites. One key, replaced as a whole."""

DECISION_KEYS = "edgewise:decision-keys"
"""String: the key ring that signs decision ids. One key, a few hundred bytes."""


def log(ref: PolicyRef) -> str:
    """Stream: the policy's log. Trimmed by the learner, to its retention or its byte limit."""
    return f"{{{ref.site}:{ref.placement}}}:log"


def draft(ref: PolicyRef) -> str:
    """Stream: the policy's log, being written anew for an erasure. Lapses an hour after the last entry."""
    return f"{{{ref.site}:{ref.placement}}}:draft"


def policy_of(key: str) -> PolicyRef:
    """The policy that a key of its log, or another one of its keys, belongs to."""
    site, _, placement = key[1:].partition("}")[0].partition(":")
    return PolicyRef(site, placement)


def message(ref: PolicyRef, digest: Digest) -> str:
    """String, empty: this un-linked event is in the log already. Lives 7 days."""
    return f"{{{ref.site}:{ref.placement}}}:m:{digest.hex()}"


def current(ref: PolicyRef) -> str:
    """Hash: the version to decide with now. One a policy."""
    return f"{{{ref.site}:{ref.placement}}}:current"


def blob(ref: PolicyRef, version: Digest) -> str:
    """String: a compiled version. Lives 7 days once no retained decision names it."""
    return f"{{{ref.site}:{ref.placement}}}:v:{version.hex()}"


def versions(ref: PolicyRef) -> str:
    """Set: the versions that may have a blob. A member leaves after its blob has."""
    return f"{{{ref.site}:{ref.placement}}}:versions"


def checkpoint(ref: PolicyRef) -> str:
    """Hash: the writer's epoch, and the checkpoint with the model. One a policy."""
    return f"{{{ref.site}:{ref.placement}}}:checkpoint"


def base(ref: PolicyRef) -> str:
    """Hash: position to base checkpoint. One a day, dropped as retention moves on."""
    return f"{{{ref.site}:{ref.placement}}}:base"


def erasures(site: str) -> str:
    """Hash: digests of visitors that are to be erased. At most 100,000; a digest leaves once that is done."""
    return f"{{{site}}}:erasures"


def profile(site: str, visitor: Digest) -> str:
    """String: a visitor's profile, at most 4 KB. Every write sets its TTL."""
    return f"{{{site}:{visitor.hex()}}}:p"


def showings(site: str, visitor: Digest, span: Span) -> str:
    """Hash: what a visitor was shown in this span of time. Every write sees to its TTL; a few fields an action."""
    return f"{{{site}:{visitor.hex()}}}:c:{span[0]}"


def hooks(site: str, visitor: Digest) -> str:
    """Hash: the webhooks whose conditions a visitor meets, or may soon. At most 40 fields; TTL as a profile."""
    return f"{{{site}:{visitor.hex()}}}:w"


def hook_queue(site: str, visitor: Digest) -> str:
    """List: a visitor's messages that wait to be sent. At most 100; lapses 7 days after the last change."""
    return f"{{{site}:{visitor.hex()}}}:wq"


def hook_lease(site: str, visitor: Digest) -> str:
    """String: who sends a visitor's messages now. Lives a minute."""
    return f"{{{site}:{visitor.hex()}}}:wl"


def dead_letters(site: str, visitor: Digest) -> str:
    """List: a visitor's messages that were given up. At most 100; lapses 30 days after the last."""
    return f"{{{site}:{visitor.hex()}}}:wx"


def hooked(site: str) -> str:
    """Sorted set: visitors to be looked at for webhooks, by time. At most 100,000; one leaves once that is done."""
    return f"{{{site}}}:webhooks"


def hook_deaths(site: str) -> str:
    """Sorted set: the latest 1,000 visitors with dead letters. Lapses 30 days after the last."""
    return f"{{{site}}}:webhooks:dead"


def profiles(site: str) -> str:
    """A pattern that matches the profiles of all visitors of a site."""
    return f"{{{site}:*}}:p"


def visitor_of(key: str) -> Digest:
    """The visitor whose profile is under this key."""
    return bytes.fromhex(key.partition("}")[0].rpartition(":")[2])


def of_visitor(site: str, visitor: Digest) -> tuple[str, ...]:
    """Every key that there may be of a visitor: what an erasure deletes."""
    messages = (hooks(site, visitor), hook_queue(site, visitor), dead_letters(site, visitor))
    return (profile(site, visitor), *messages, *(showings(site, visitor, span) for span in SPANS))
