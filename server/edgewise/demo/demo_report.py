"""What the demo says in plain lines: where there is no terminal, at the end, and when it waits."""

from __future__ import annotations

from pathlib import Path

from edgewise.demo.demo_server import Service
from edgewise.demo.example import PLACEMENT, Example
from edgewise.demo.screen import View, shown
from edgewise.demo.tally import Tally

MOST_LOST = 0.01
"""The share of calls and messages that may be lost before the demo counts as failed."""


def introduction(example: Example, source: Path) -> str:
    """What is about to happen, and what is not as it would be."""
    return f"""\
A real server, and simulated visitors: what they like it has to find out itself.
So that seconds are enough, its {example.file.name} differs from that in {source}/:
{example.changes}. And these visitors click and
order far more often than real ones.
"""


def invitation(shop: str) -> str:
    """Where there is more to see than a terminal can show."""
    return f"""\
The shop is open: {shop}
Open it in a browser: its home page changes as the server learns. The bar at its bottom makes you somebody else.
"""


def progress(view: View) -> str:
    """How it goes, every few seconds."""
    tally, vitals = view.tally, view.vitals
    model = f"model {vitals.model_version}, {vitals.model_age:.1f} s old" if vitals.model_version else "no model yet"
    return f"""\
{tally.seconds:3.0f} s  {tally.came:,} of {tally.planned:,} visitors, {tally.per_second:.0f} decisions a second; \
{model}, learner {vitals.lag:.1f} s behind
       {_leaders(tally)}
       {_compared(tally)}"""


def counts(view: View) -> str:
    """How much was done, and lost."""
    tally, vitals = view.tally, view.vitals
    return f"""
{tally.came:,} visitors in {tally.seconds:.0f} s: {tally.decisions:,} decisions, {tally.fallbacks} of them fallbacks
{tally.failures} calls failed, {tally.refused} messages were refused
model {vitals.model_version} knows {vitals.learned:,} of the policy group's {tally.policy.visitors:,} decisions
"""


def summary(view: View) -> str:
    """How it went."""
    tally, vitals = view.tally, view.vitals
    return f"""{counts(view)}\
shown most at the end: {_leaders(tally)}
reward a visitor: {_compared(tally)}
learning delay: p50 at most {shown(vitals.delay_p50)}, p99 at most {shown(vitals.delay_p99)}
"""


def complaints(view: View) -> list[str]:
    """What did not go as it should, if anything."""
    tally, found = view.tally, []
    if (lost := tally.failures + tally.refused) > MOST_LOST * tally.planned:
        found.append(f"{lost} calls and messages were lost, expected at most {MOST_LOST:.0%} of {tally.planned}")
    if tally.fallbacks > tally.decisions / 2:
        found.append(f"{tally.fallbacks} of {tally.decisions} answers were fallbacks, expected a few at most")
    if view.vitals.learned < (1 - MOST_LOST) * tally.policy.visitors:
        found.append(f"the model has learned from {view.vitals.learned} of {tally.policy.visitors} decisions")
    return found


def suggestions(service: Service, example: Example, shop: str) -> str:
    """What to try while it stays up: commands to copy, each of which works as it is printed."""
    url, key = service.url, example.write_key
    post = "-H 'content-type: application/json'"
    return f"""\
The shop stays open at {shop}, and Edgewise up at {url}, until Ctrl-C.
To try in another terminal:

# Ask what to show to a visitor, and keep the decision's id:
decision=$(curl -sw '\\n' {url}/v1/decide \\
  {post} \\
  -d '{{"writeKey": "{key}", "anonymousId": "myself", "placements": ["{PLACEMENT}"],
       "context": {{
         "page": {{"url": "https://shop.example/?utm_source=pricewatch"}},
         "device": {{"type": "desktop"}}}}}}' \\
  | tee /dev/stderr | sed 's/.*"decisionId":"\\([^"]*\\)".*/\\1/')

# Reward it: {example.policy.reward.window / 1000:g} s later, the model knows.
curl -sw '\\n' {url}/v1/track \\
  {post} \\
  -d '{{"writeKey": "{key}", "anonymousId": "myself", "event": "$reward",
       "properties": {{"decisionId": "'$decision'", "value": 1}}}}'

# See how the policy does; this takes the secret key:
curl -sw '\\n' {url}/v1/policies/{PLACEMENT} \\
  -H "authorization: Bearer $(cat {service.secret_key_file})"

# See in the shop how each decision is made; this prints the address of its page with the debugger:
echo "{shop}/?edgewise-debug=$(curl -s {url}/v1/previews \\
  {post} -d '{{"debug": true}}' \\
  -H "authorization: Bearer $(cat {service.secret_key_file})" \\
  | sed 's/.*"preview":"\\([^"]*\\)".*/\\1/')"

# Everything that is measured, for Prometheus:
curl -s {url}/metrics

Edit the policy, and it is served within seconds:
  {example.file}
The server's log:
  {service.log}
"""


def _leaders(tally: Tally) -> str:
    leaders = [(segment.name, *tally.leader(segment)) for segment in tally.segments]
    return ", ".join(f"{name} {action} {share:.0%}" for name, action, share in leaders if action)


def _compared(tally: Tally) -> str:
    lift = tally.lift()
    interval = f"{lift.value:+.0%} (95% interval {lift.low:+.0%} to {lift.high:+.0%})" if lift else "not known yet"
    return f"policy {tally.policy.mean:.3f}, control {tally.control.mean:.3f}, lift {interval}"
