"""`GET /v1/policies` and `GET /v1/policies/{placement}`: how policies are doing, for servers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from edgewise.errors import RequestError
from edgewise.http.auth import Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.query import named_site
from edgewise.http.responses import ActionAnswer, ModelAnswer, PoliciesAnswer, PolicyAnswer
from edgewise.policies.policy import Action
from edgewise.serving.follower import Follower
from edgewise.serving.served import ServedPlacement
from edgewise.statistics import Statistics, Tally
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING


class Policies(Door):
    """Reports on one policy where the path names a placement, on all policies of a site where it does not.

    `?site=` names the site; it may be left out when there is only one.
    """

    def __init__(self, gate: Gate, store: Store, follower: Follower) -> None:
        super().__init__(gate)
        self._store = store
        self._follower = follower

    async def open(self, call: Call) -> None:
        self.gate.require_secret_key(call.headers)
        site = named_site(self._follower, call.scope["query_string"])
        name = call.scope["path_params"].get("placement")
        if name is None:
            placements = sorted(site.placements.values(), key=lambda placement: placement.ref)
            await call.answer(PoliciesAnswer([await self._report(placement) for placement in placements]))
        elif name in site.placements:
            await call.answer(await self._report(site.placements[name]))
        else:
            raise RequestError(404, "not_found", f"found no placement of this name in site {site.name!r}")

    async def _report(self, placement: ServedPlacement) -> PolicyAnswer:
        checkpoint = await self._store.checkpoints.read(placement.ref)
        statistics = Statistics() if checkpoint is None else Statistics.decode(checkpoint.statistics)
        return PolicyAnswer(
            placement.ref.placement,
            placement.version_text,
            placement.policy.explore.mode,
            statistics.decisions,
            statistics.outcomes,
            statistics.robots,
            await self._lag(placement, checkpoint),
            None if checkpoint is None else _model(checkpoint, statistics),
            _actions(placement.policy.actions, statistics),
        )

    async def _lag(self, placement: ServedPlacement, checkpoint: Checkpoint | None) -> float:
        """Seconds of the log that no published model knows yet."""
        last = await self._store.log.last_id(placement.ref) or BEGINNING
        if checkpoint is not None:
            return max(0, last.ms - checkpoint.position.ms) / 1000
        first = await self._store.log.first_id(placement.ref) or last
        return max(0, last.ms - first.ms) / 1000


def _model(checkpoint: Checkpoint, statistics: Statistics) -> ModelAnswer:
    return ModelAnswer(
        checkpoint.model_version,
        hashlib.sha256(checkpoint.model).hexdigest(),
        statistics.learned,
        round(max(0.0, time.time() - checkpoint.position.ms / 1000), 3),
    )


def _actions(actions: Sequence[Action], statistics: Statistics) -> list[ActionAnswer]:
    """Of each action: its share of the slots that were seen until their window closed, and what they were worth."""
    tallies = [statistics.actions.get(action.id, Tally()) for action in actions]
    seen = sum(tally.seen for tally in tallies)
    return [
        ActionAnswer(action.id, tally.seen / seen if seen else 0.0, tally.mean)
        for action, tally in zip(actions, tallies, strict=True)
    ]
