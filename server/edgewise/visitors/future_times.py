"""Times of a profile that are in the future, because the server's clock was set back since.

A profile keeps the latest of several times. Until the clock has caught up, such a visitor would start no session,
fill no cart and change no trait.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from edgewise.types import Milliseconds
from edgewise.visitors.names import seconds
from edgewise.visitors.profile import Profile
from edgewise.visitors.sources import Source
from edgewise.visitors.traits import BY_SERVER

TOLERANCE: Milliseconds = 60_000
"""The clocks of several servers may differ by so much."""


def without_future_times(profile: Profile, now: Milliseconds) -> Profile:
    """The profile with `now` in place of every later time. Itself if it has none."""
    latest, second = now + TOLERANCE, seconds(now)
    set_at = max((at % BY_SERVER for at, _ in profile.traits.values()), default=0)
    if profile.last_seen <= latest and set_at <= seconds(latest):
        return profile
    cart, origin = profile.cart, profile.origin
    items = {name: replace(item, touched=min(item.touched, second)) for name, item in cart.items.items()}
    return replace(
        profile,
        origin=None if origin is None else (min(origin[0], now), origin[1]),
        first_seen=min(profile.first_seen, now),
        last_seen=min(profile.last_seen, now),
        purchases=replace(profile.purchases, last=min(profile.purchases.last, second)),
        cart=replace(cart, items=items, touched=min(cart.touched, second), emptied=min(cart.emptied, second)),
        products=_limited(profile.products, second),
        seen=_limited(profile.seen, second),
        first_source=_limited_source(profile.first_source, second),
        last_source=_limited_source(profile.last_source, second),
        surrounded=min(profile.surrounded, second),
        traits={
            name: (at // BY_SERVER * BY_SERVER + min(at % BY_SERVER, second), value)
            for name, (at, value) in profile.traits.items()
        },
    )


def _limited(times: Mapping[str, int], second: int) -> dict[str, int]:
    return {name: min(at, second) for name, at in times.items()}


def _limited_source(source: Source | None, second: int) -> Source | None:
    return None if source is None else replace(source, at=min(source.at, second))
