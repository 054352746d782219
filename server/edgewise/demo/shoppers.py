"""Shoppers: visitors of the row of products, who may put one in the basket, meet the nudge there, and order or not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

import httpx

from edgewise.demo.tally import Tally
from edgewise.demo.traffic import CLICK_AFTER, ORDER_AFTER
from edgewise.demo.visitors import CLICK, ORDER, Visitor
from edgewise.demo.wanderers import Wanderers
from edgewise.policies.policy import Action

ROW, NUDGE = "home-row", "cart-nudge"
SLOTS = 4

CHARMED, BORED = 0.35, 0.03
"""How likely a click is on a product of the category that a segment likes best, and on any other."""

KEEPS = 0.7
"""How likely a product that was clicked goes into the basket."""

ORDERS: Mapping[str, float] = {"nothing": 0.3, "almost-free-shipping": 0.7, "free-gift": 0.6}
"""How likely a basket becomes an order, by what is said in the cart."""


class Shoppers(Wanderers):
    """Sends shoppers, and counts in `tally` of which category the products are that each segment is shown."""

    def __init__(self, client: httpx.AsyncClient, write_key: str, tally: Tally, products: Sequence[Action]) -> None:
        super().__init__(client, write_key, tally)
        self._categories = {action.id: str(action.features.get("category", "")) for action in products}

    async def _visit(self, visitor: Visitor) -> None:
        chance = Random(visitor.id)
        self._tally.arrived()
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
        nudge = await self._ask(visitor, {"id": NUDGE})
        if nudge is None:
            return
        if nudge["decisionId"] is not None:
            self._tell(visitor, "$impression", decisionId=nudge["decisionId"])
        await asyncio.sleep(ORDER_AFTER)
        if chance.random() < ORDERS.get(nudge["action"], ORDERS["nothing"]):
            self._tell(visitor, ORDER)
