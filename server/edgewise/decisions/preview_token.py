"""Preview tokens: signed permissions to show one action in one placement, or any action of a site, for some time.

A token is base64url of MessagePack and a signature of 16 bytes. The payload is site, placement, action and the second
of expiry. A debug token has neither placement nor action. The signing keys are those of decision ids. A token therefore
stays valid when the secret key changes, and nobody can make one without the store.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from edgewise.errors import EdgewiseError
from edgewise.ids.decision import DecisionIds
from edgewise.ids.signing import Signer
from edgewise.serving.served_site import ServedSite
from edgewise.types import PolicyRef

MAX_LENGTH = 1024
"""The maximum number of characters of a token."""

Seconds: TypeAlias = int
"""A time since the epoch."""

_SIGNER = Signer(16, b"preview")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, str | None, str | None, int])


class WrongPreview(EdgewiseError):
    """A preview token does not allow this call. `code` is the API's error code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"preview: {message}")


class Preview(NamedTuple):
    """The content of a valid token. Placement and action are None in a debug token."""

    placement: str | None
    action: str | None

    @property
    def debug(self) -> bool:
        """Whether the call may name any action and gets explanations."""
        return self.placement is None

    def action_position(self, site: ServedSite, placement: str, requested: str | None) -> int | None:
        """The position of the action to show in this placement. None if the placement is decided as usual.

        `requested` is the action that the call names.

        Raises:
            WrongPreview: the action no longer exists (`preview_gone`), or the token is for another (`preview_limited`).
        """
        if self.debug:
            action = requested
        elif requested is None or (placement, requested) == self:
            action = self.action if placement == self.placement else None
        else:
            raise WrongPreview(
                "preview_limited",
                f"The token shows action {self.action!r} of placement {self.placement!r}, not {requested!r} of "
                f"{placement!r}. Use a token for this action, or a debug token.",
            )
        return None if action is None else _position(site, placement, action)


def issue_preview_token(ids: DecisionIds, ref: PolicyRef, action: str, expires: Seconds) -> str:
    """A token that shows this action.

    Raises:
        StoreUnavailable: the keys could not be read yet.
    """
    return _sign(ids, ref.site, ref.placement, action, expires)


def issue_debug_token(ids: DecisionIds, site: str, expires: Seconds) -> str:
    """A token that shows any action of this site, and explains decisions.

    Raises:
        StoreUnavailable: the keys could not be read yet.
    """
    return _sign(ids, site, None, None, expires)


def read_preview(ids: DecisionIds, site: ServedSite, token: str, now: Seconds) -> Preview:
    """Read a token that must be valid for this site now.

    Raises:
        WrongPreview: the token was not issued here (`invalid_preview`), belongs to another site (`foreign_preview`), is
            expired (`preview_expired`), or its action no longer exists (`preview_gone`).
        StoreUnavailable: the keys could not be read yet.
    """
    name, placement, action, expires = _decoder.decode(check_signature(ids, token))
    if name != site.name:
        raise WrongPreview(
            "foreign_preview",
            f"The token is for another site. Create one for site {site.name!r} with `edgewise preview`.",
        )
    if now >= expires:
        raise WrongPreview("preview_expired", f"Token expired {now - expires} s ago. Create a new one.")
    if placement is not None and action is not None:
        _position(site, placement, action)
    return Preview(placement, action)


def check_signature(ids: DecisionIds, token: str) -> bytes:
    """The payload of a token that was issued here, even if it expired.

    Raises:
        WrongPreview: the token was not issued here (`invalid_preview`).
        StoreUnavailable: the keys could not be read yet.
    """
    payload = _SIGNER.verify(token, ids.keys)
    if payload is None:
        raise WrongPreview(
            "invalid_preview", "Expected a token that this server issued. Create one with `edgewise preview`."
        )
    return payload


def _position(site: ServedSite, placement: str, action: str) -> int:
    served = site.placements.get(placement)
    position = None if served is None else served.compiled.index.get(action)
    if position is None:
        raise WrongPreview(
            "preview_gone",
            f"Placement {placement!r} has no action {action!r} any more. Create a token for another one.",
        )
    return position


def _sign(ids: DecisionIds, site: str, placement: str | None, action: str | None, expires: Seconds) -> str:
    return _SIGNER.sign(_encoder.encode((site, placement, action, expires)), ids.keys[0])
