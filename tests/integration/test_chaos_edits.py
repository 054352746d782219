"""Policy files are edited under traffic. No request fails, and the model is kept or rebuilt as required."""

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
from tests.integration.chaos_rounds import episodes, rounds
from tests.integration.chaos_shop import HERO, REFS, write_policies
from tests.integration.chaos_traffic import ChaosTraffic, run_traffic
from tests.integration.service import Service, run_service, store_of

BETWEEN = 20
"""Acknowledged decisions between two edits."""

REF = REFS[0]
BROKEN = (
    b"placement = ",
    b'placement = "hero"\nbaseline = "plain"\n',
    b"",
    b"\xff\xfe",
    HERO.encode() + b"weight = 1\n",
)


class Editor:
    """Edits the hero's file, and checks that the new version is served and learning goes on."""

    def __init__(self, service: Service, traffic: ChaosTraffic, store: Store, chance: Random) -> None:
        self._service = service
        self._traffic = traffic
        self._store = store
        self._chance = chance
        self._click = "0.25"
        self._algorithm = "squarecb"
        self._valid = _version_in(service)

    async def edit_rewards(self) -> None:
        """The model is kept and learns on."""
        self._click = self._choose_other(self._click, "0.25", "0.5", "0.75")
        before, after = await self._edit()
        assert (after.epoch, after.shape, after.shape_since) == (before.epoch, before.shape, before.shape_since)

    async def edit_algorithm(self) -> None:
        """The model is rebuilt from the whole log."""
        self._algorithm = self._choose_other(self._algorithm, "squarecb", "epsilon", "softmax", "regcb")
        before, after = await self._edit()
        assert after.shape != before.shape
        assert after.epoch > before.epoch

    async def break_file(self) -> None:
        """The last valid version is still served."""
        rejections = self._rejections()
        (self._service.policies / "hero.toml").write_bytes(self._chance.choice(BROKEN))

        async def is_rejected() -> bool:
            return self._rejections() > rejections

        async def is_still_served() -> bool:
            return self._last_version() == self._valid

        await eventually(is_rejected)
        await self._traffic.wait_for_decisions(BETWEEN)
        await eventually(is_still_served)  # By both workers, one of which may have been slow to follow the last edit.

    def repair_file(self) -> None:
        """Write the last valid version."""
        clicks = HERO.replace('"$click" = 0.25', f'"$click" = {self._click}')
        write_policies(self._service.policies, hero=clicks.replace("squarecb", self._algorithm))

    async def _edit(self) -> tuple[Checkpoint, Checkpoint]:
        """Write the file, and wait until it is served and learned from. Return the checkpoints before and after."""
        before = await self._published()
        self.repair_file()
        shape = shape_of(read_policy(self._service.policies / "hero.toml")).digest
        self._valid = _version_in(self._service)
        after = before

        async def is_served_and_learned() -> bool:
            nonlocal after
            after = await self._published()
            return self._last_version() == self._valid and after.shape == shape and _learned(after) > _learned(before)

        await eventually(is_served_and_learned)
        return before, after

    async def _published(self) -> Checkpoint:
        checkpoint = await self._store.checkpoints.read(REF)
        assert checkpoint is not None
        return checkpoint

    def _choose_other(self, last: str, *options: str) -> str:
        return self._chance.choice([one for one in options if one != last])

    def _last_version(self) -> str:
        return next(one.version for one in reversed(self._traffic.ledger.decisions) if one.ref == REF)

    def _rejections(self) -> int:
        return self._service.log.count("so the last valid ones stay")


def _version_in(service: Service) -> str:
    """The version of the policy in the hero's file."""
    return version_of(encode_policy(read_policy(service.policies / "hero.toml"))).hex()


def _learned(checkpoint: Checkpoint) -> int:
    return Statistics.decode(checkpoint.statistics).learned


@rounds(quick=1, many=12)
async def test_edits_under_traffic_fail_no_request(tmp_path: Path, chance: Random, rounds: int) -> None:
    for number, times in enumerate(episodes(rounds, 2)):
        # A slow response is not a failure.
        async with run_service(tmp_path / str(number), decide_budget="10s") as service, store_of(service) as store:
            async with run_traffic(service.url, chance) as traffic:
                await wait_for_models(store)
                editor = Editor(service, traffic, store, chance)
                edits = [editor.edit_rewards, editor.edit_algorithm, editor.break_file]
                for edit in chance.sample(edits * times, len(edits) * times):
                    await traffic.wait_for_decisions(BETWEEN)
                    await edit()
                editor.repair_file()
                await traffic.wait_for_decisions(BETWEEN)
            await audit(service, traffic.ledger)
            assert (traffic.ledger.fallbacks, traffic.ledger.unanswered, traffic.ledger.repeated) == (0, 0, 0)


async def wait_for_models(store: Store) -> None:
    """Wait until each policy has a model."""

    async def has_models() -> bool:
        return len(await store.checkpoints.heads(REFS)) == len(REFS)

    await eventually(has_models)
