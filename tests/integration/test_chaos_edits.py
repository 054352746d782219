"""Policy files edited under traffic: no request fails, and what was learned is kept or learned anew, as is due."""

from __future__ import annotations

from pathlib import Path
from random import Random

from edgewise.bandit.shape import shape_of
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.policy_file import read_policy
from edgewise.statistics import Statistics
from edgewise.store import Checkpoint, Store
from tests.eventually import eventually
from tests.integration.audit import audit
from tests.integration.chaos import episodes, rounds
from tests.integration.service import Service, serving, store_of
from tests.integration.shop import HERO, REFS, open_shop
from tests.integration.traffic import Traffic, visiting

BETWEEN = 20
"""Decisions that must be acknowledged between two edits."""

REF = REFS[0]
BROKEN = (
    b"placement = ",
    b'placement = "hero"\nbaseline = "plain"\n',
    b"",
    b"\xff\xfe",
    HERO.encode() + b"weight = 1\n",
)


class Editor:
    """Edits the hero's file, sees to it that visitors are shown what it says, and that learning goes on."""

    def __init__(self, service: Service, traffic: Traffic, store: Store, chance: Random) -> None:
        self._service = service
        self._traffic = traffic
        self._store = store
        self._chance = chance
        self._click = "0.25"
        self._algorithm = "squarecb"
        self._good = _version_in(service)

    async def edit_rewards(self) -> None:
        """The model is kept, and learned on."""
        self._click = self._another(self._click, "0.25", "0.5", "0.75")
        before, after = await self._edit()
        assert (after.epoch, after.shape, after.shape_since) == (before.epoch, before.shape, before.shape_since)

    async def edit_algorithm(self) -> None:
        """The model is folded anew from the whole log."""
        self._algorithm = self._another(self._algorithm, "squarecb", "epsilon", "softmax", "regcb")
        before, after = await self._edit()
        assert after.shape != before.shape
        assert after.epoch > before.epoch

    async def break_it(self) -> None:
        """The last good version is served on."""
        complaints = self._complaints()
        (self._service.policies / "hero.toml").write_bytes(self._chance.choice(BROKEN))

        async def is_refused() -> bool:
            return self._complaints() > complaints

        async def is_served_on() -> bool:
            return self._shown_last() == self._good

        await eventually(is_refused)
        await self._traffic.more(BETWEEN)
        await eventually(is_served_on)  # By both workers; one may have been slow to follow the edit before.

    def mend(self) -> None:
        """Write what was good last."""
        clicks = HERO.replace('"$click" = 0.25', f'"$click" = {self._click}')
        open_shop(self._service.policies, hero=clicks.replace("squarecb", self._algorithm))

    async def _edit(self) -> tuple[Checkpoint, Checkpoint]:
        """Write the file; the checkpoints before, and once it is served and more was learned."""
        before = await self._published()
        self.mend()
        shape = shape_of(read_policy(self._service.policies / "hero.toml")).digest
        self._good = _version_in(self._service)
        after = before

        async def is_served_and_learned() -> bool:
            nonlocal after
            after = await self._published()
            return self._shown_last() == self._good and after.shape == shape and _learned(after) > _learned(before)

        await eventually(is_served_and_learned)
        return before, after

    async def _published(self) -> Checkpoint:
        checkpoint = await self._store.checkpoints.read(REF)
        assert checkpoint is not None
        return checkpoint

    def _another(self, last: str, *all_: str) -> str:
        return self._chance.choice([one for one in all_ if one != last])

    def _shown_last(self) -> str:
        return next(one.version for one in reversed(self._traffic.ledger.shown) if one.ref == REF)

    def _complaints(self) -> int:
        return self._service.log.count("so the last valid ones stay")


def _version_in(service: Service) -> str:
    """Of the policy that the hero's file holds."""
    return version_of(encode_policy(read_policy(service.policies / "hero.toml"))).hex()


def _learned(checkpoint: Checkpoint) -> int:
    return Statistics.decode(checkpoint.statistics).learned


@rounds(quick=1, many=12)
async def test_edits_under_traffic_fail_no_request(tmp_path: Path, chance: Random, rounds: int) -> None:
    for number, times in enumerate(episodes(rounds, 2)):
        # A worker that is slow to answer has not failed.
        async with serving(tmp_path / str(number), decide_budget="10s") as service, store_of(service) as store:
            async with visiting(service.url, chance) as traffic:
                await models_are_published(store)
                editor = Editor(service, traffic, store, chance)
                edits = [editor.edit_rewards, editor.edit_algorithm, editor.break_it]
                for edit in chance.sample(edits * times, len(edits) * times):
                    await traffic.more(BETWEEN)
                    await edit()
                editor.mend()
                await traffic.more(BETWEEN)
            await audit(service, traffic.ledger)
            assert (traffic.ledger.fallbacks, traffic.ledger.unanswered, traffic.ledger.repeated) == (0, 0, 0)


async def models_are_published(store: Store) -> None:
    """Wait until there is a model for each policy."""

    async def has_models() -> bool:
        return len(await store.checkpoints.heads(REFS)) == len(REFS)

    await eventually(has_models)
