"""The kind of device that a User-Agent tells."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def device_type(user_agent: bytes) -> str:
    """mobile, tablet, desktop or bot.

    Tablets that run Android say so without saying Mobile; those of Apple since 2019 say that they are a Mac.
    """
    text = user_agent.lower()
    if re.search(rb"bot\b|crawl|spider|slurp|headless", text):
        return "bot"
    if re.search(rb"ipad|tablet|kindle|silk|android(?!.*mobile)", text):
        return "tablet"
    return "mobile" if re.search(rb"mobi|iphone|ipod|android", text) else "desktop"
