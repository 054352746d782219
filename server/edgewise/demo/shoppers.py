"""Shoppers: visitors of the row of products, or of the basket. There they meet the nudge, and order or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import httpx

from edgewise.demo.simulated_traffic import CLICK_AFTER, ORDER_AFTER
from edgewise.demo.simulated_visitors import CLICK, ORDER, Visitor
from edgewise.demo.tally import Tally
from edgewise.demo.wanderers import Wanderers
from edgewise.policies.policy import Action

ROW, NUDGE = "home-row", "cart-nudge"
SLOTS = 4

CHARMED, BORED = 0.35, 0.03
"""How likely a click is on a product of the category that a segment likes best, and on any other."""

KEEPS = 0.7
"""How likely a product that was clicked goes into the basket."""

RETURNS = 0.4
"""How likely a visitor comes back for a basket that was filled before, and looks at nothing else."""

NUDGED_LATELY = 50
"""Visitors of a segment over whom the nudges' shares are counted: fewer see the cart than the row."""


class Shoppers(Wanderers):
    """Sends shoppers, and counts what each segment is shown.

    Counted are in `tally` the categories of the products in the row, and in `nudged` what is said in the cart.
    """

    def __init__(
        self, client: httpx.AsyncClient, write_key: str, tally: Tally, nudged: Tally, products: Sequence[Action]
    ) -> None:
        super().__init__(client, write_key, tally)
        self._nudged = nudged
        self._categories = {action.id: str(action.features.get("category", "")) for action in products}

    async def _visit(self, visitor: Visitor) -> None:
        chance = Random(visitor.id)
        self._tally.arrived()
        if chance.random() < RETURNS:
            self._room.release()
            await self._check_out(visitor, chance)
        else:
            await self._look_along(visitor, chance)

    async def _look_along(self, visitor: Visitor, chance: Random) -> None:
        visitor = await self._landed(visitor)
        try:
            decision = await self._ask(visitor, {"id": ROW, "slots": SLOTS})
        finally:
            self._room.release()
        if decision is None:
            return
        shown = [self._categories.get(slot["action"], "") for slot in decision["slots"]]
        for category in shown:
            self._tally.decided(visitor, decision["group"], category)
        if (decision_id := decision["decisionId"]) is None:
            return
        self._tell(visitor, "$impression", decisionId=decision_id)
        likes = (chance.random() < (CHARMED if one == visitor.segment.likes else BORED) for one in shown)
        clicked = next((slot for slot, is_liked in enumerate(likes) if is_liked), None)
        if clicked is not None:
            await asyncio.sleep(CLICK_AFTER)
            self._tell(visitor, CLICK, decisionId=decision_id, slot=clicked)
            if chance.random() < KEEPS:
                self._tell(visitor, "Product Added", product_id=decision["slots"][clicked]["action"])
                await self._check_out(visitor, chance)

    async def _check_out(self, visitor: Visitor, chance: Random) -> None:
        visitor = await self._gone_to(visitor, "/cart", "cart")
        nudge = await self._ask(visitor, {"id": NUDGE})
        if nudge is None:
            return
        self._nudged.decided(visitor, nudge["group"], nudge["action"])
        if nudge["decisionId"] is not None:
            self._tell(visitor, "$impression", decisionId=nudge["decisionId"])
        await asyncio.sleep(ORDER_AFTER)
        orders = visitor.segment.nudges
        if chance.random() < orders.get(nudge["action"], orders["nothing"]):
            self._tell(visitor, ORDER)
