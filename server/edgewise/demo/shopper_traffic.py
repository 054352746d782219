"""Simulated shoppers. They visit the row of products or the cart, see the nudge in the cart, and may order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import httpx

from edgewise.demo.simulated_traffic import CLICK_AFTER, ORDER_AFTER, BrowsingTraffic
from edgewise.demo.simulated_visitors import CLICK, ORDER, SimulatedVisitor
from edgewise.demo.tally import DemoTally
from edgewise.policies.policy import Action

ROW, NUDGE = "home-row", "cart-nudge"
SLOTS = 4

LIKED_CLICK_RATE, OTHER_CLICK_RATE = 0.35, 0.03
"""Probability of a click on a product of the segment's favorite category, and on another one."""

ADD_RATE = 0.7
"""Probability that a clicked product is added to the basket."""

RETURN_RATE = 0.4
"""Probability that a visitor returns to an existing basket, without visiting the row."""

NUDGE_SHARE_WINDOW = 50
"""The number of latest visitors for the nudge's shares. Fewer visitors see the cart than the row."""


class ShopperTraffic(BrowsingTraffic):
    """Sends shoppers, and counts what each segment sees.

    `tally` counts the categories of the products in the row, `cart_tally` the nudges in the cart.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        write_key: str,
        tally: DemoTally,
        cart_tally: DemoTally,
        products: Sequence[Action],
    ) -> None:
        super().__init__(client, write_key, tally)
        self._cart_tally = cart_tally
        self._categories = {action.id: str(action.features.get("category", "")) for action in products}

    async def _visit(self, visitor: SimulatedVisitor) -> None:
        chance = Random(visitor.id)
        self._tally.count_visitor()
        if chance.random() < RETURN_RATE:
            self._call_slots.release()
            await self._check_out(visitor, chance)
        else:
            await self._browse(visitor, chance)

    async def _browse(self, visitor: SimulatedVisitor, chance: Random) -> None:
        visitor = await self._maybe_navigate(visitor)
        try:
            decision = await self._request_decision(visitor, {"id": ROW, "slots": SLOTS})
        finally:
            self._call_slots.release()
        if decision is None:
            return
        shown = [self._categories.get(slot["action"], "") for slot in decision["slots"]]
        for category in shown:
            self._tally.count_decision(visitor, decision["group"], category)
        if (decision_id := decision["decisionId"]) is None:
            return
        self._track(visitor, "$impression", decisionId=decision_id)
        likes = (
            chance.random() < (LIKED_CLICK_RATE if one == visitor.segment.likes else OTHER_CLICK_RATE) for one in shown
        )
        clicked = next((slot for slot, is_liked in enumerate(likes) if is_liked), None)
        if clicked is not None:
            await asyncio.sleep(CLICK_AFTER)
            self._track(visitor, CLICK, decisionId=decision_id, slot=clicked)
            if chance.random() < ADD_RATE:
                self._track(visitor, "Product Added", product_id=decision["slots"][clicked]["action"])
                await self._check_out(visitor, chance)

    async def _check_out(self, visitor: SimulatedVisitor, chance: Random) -> None:
        visitor = await self._navigate(visitor, "/cart", "cart")
        nudge = await self._request_decision(visitor, {"id": NUDGE})
        if nudge is None:
            return
        self._cart_tally.count_decision(visitor, nudge["group"], nudge["action"])
        if nudge["decisionId"] is not None:
            self._track(visitor, "$impression", decisionId=nudge["decisionId"])
        await asyncio.sleep(ORDER_AFTER)
        orders = visitor.segment.nudges
        if chance.random() < orders.get(nudge["action"], orders["nothing"]):
            self._track(visitor, ORDER)
