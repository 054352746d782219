"""Previews: signed tokens that have one action shown in one placement, or any action of a site, for a while.

The bytes: site, placement, action (None and None for all of the site's) and the second of expiry, packed, then 16 of
signature; in base64url. The keys are those of decision ids: a token outlives a secret key that is changed, and no one
can make one without the store.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from edgewise.errors import EdgewiseError
from edgewise.ids.decision import DecisionIds
from edgewise.ids.signing import Signer
from edgewise.serving.served import ServedSite
from edgewise.types import PolicyRef

LONGEST = 1024
"""Characters of a token."""

_SIGNER = Signer(16, b"preview")

Seconds: TypeAlias = int
"""A time since the epoch."""


class Preview(NamedTuple):
    """What a token has shown: one action of one placement, or, where it is for debugging, any action of the site."""

    placement: str | None
    action: str | None

    @property
    def debug(self) -> bool:
        """Whether the token is for debugging: then the call may name the actions, and is told how it is decided."""
        return self.placement is None

    def shows(self, site: ServedSite, placement: str, wanted: str | None) -> int | None:
        """The position of the action that this placement shows; None where it is decided as ever.

        `wanted` is the action that the call names.

        Raises:
            WrongPreview: what it shows is gone (`preview_gone`), or is not what is wanted (`preview_limited`).
        """
        if self.debug:
            action = wanted
        elif wanted is None or (placement, wanted) == self:
            action = self.action if placement == self.placement else None
        else:
            found = f"found action {wanted!r} of {placement!r}"
            raise WrongPreview("preview_limited", f"{found}, expected {self.action!r} of {self.placement!r}")
        return None if action is None else _position(site, placement, action)


class WrongPreview(EdgewiseError):
    """A token that nothing can be shown for; `code` says why in a word."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"preview: {message}")


def preview_token(ids: DecisionIds, ref: PolicyRef, action: str, expires: Seconds) -> str:
    """The token that has this action shown.

    Raises:
        StoreUnavailable: the keys could not be read yet.
    """
    return _signed(ids, ref.site, ref.placement, action, expires)


def debug_token(ids: DecisionIds, site: str, expires: Seconds) -> str:
    """The token that has any action of this site shown, and tells how a visitor's decisions are made.

    Raises:
        StoreUnavailable: the keys could not be read yet.
    """
    return _signed(ids, site, None, None, expires)


def read_preview(ids: DecisionIds, site: ServedSite, token: str, now: Seconds) -> Preview:
    """What the token has shown on this site.

    Raises:
        WrongPreview: it was not made here (`invalid_preview`), or for another site (`foreign_preview`), or is no longer
            good (`preview_expired`), or what it shows is gone (`preview_gone`).
        StoreUnavailable: the keys could not be read yet.
    """
    name, placement, action, expires = _decoder.decode(check_signature(ids, token))
    if name != site.name:
        raise WrongPreview("foreign_preview", f"found one for another site, expected one for {site.name!r}")
    if now >= expires:
        raise WrongPreview("preview_expired", f"found one that expired {now - expires} s ago, expected a newer one")
    if placement is not None and action is not None:
        _position(site, placement, action)
    return Preview(placement, action)


def check_signature(ids: DecisionIds, token: str) -> bytes:
    """What the token says, which this service has signed, though it may be no longer good.

    Raises:
        WrongPreview: it was not made here (`invalid_preview`).
        StoreUnavailable: the keys could not be read yet.
    """
    payload = _SIGNER.verify(token, ids.keys)
    if payload is None:
        raise WrongPreview("invalid_preview", "found a token that this service did not make")
    return payload


def _position(site: ServedSite, placement: str, action: str) -> int:
    served = site.placements.get(placement)
    index = None if served is None else served.compiled.index.get(action)
    if index is None:
        raise WrongPreview("preview_gone", "found one of an action or a placement that is no longer there")
    return index


def _signed(ids: DecisionIds, site: str, placement: str | None, action: str | None, expires: Seconds) -> str:
    return _SIGNER.sign(_encoder.encode((site, placement, action, expires)), ids.keys[0])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, str | None, str | None, int])
