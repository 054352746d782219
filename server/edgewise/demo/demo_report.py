"""The demo's plain text: its introduction, its progress without a terminal, its summary and its suggestions."""

from __future__ import annotations

from pathlib import Path

from edgewise.demo.demo_server import DemoServer
from edgewise.demo.example import PLACEMENT, ExamplePolicies
from edgewise.demo.screen import DemoState, format_seconds
from edgewise.demo.tally import DemoTally

MAX_LOST = 0.01
"""The largest share of calls and messages that may be lost in a successful demo."""


def introduction(example: ExamplePolicies, source: Path) -> str:
    return f"""\
This is a real server with simulated visitors. The server does not know what they like, and has to learn it.
To learn within seconds, the demo changes two settings in its copy of {source}/{example.file.name}:
{example.changes}. Its visitors also
click and order far more often than real ones.
"""


def invitation(shop: str) -> str:
    return f"""\
The shop is open: {shop}
Open it in a browser. Its home page changes as the server learns. Use the bar at the bottom to become another visitor.
"""


def progress(state: DemoState) -> str:
    """The lines that are printed every few seconds."""
    tally, status = state.tally, state.status
    model = f"model {status.model_version}, {status.model_age:.1f} s old" if status.model_version else "no model yet"
    return f"""\
{tally.seconds:3.0f} s  {tally.arrived:,} of {tally.planned:,} visitors, {tally.per_second:.0f} decisions a second, \
{model}, learner {status.lag:.1f} s behind
       {_leaders(tally)}
       {_comparison(tally)}"""


def counts(state: DemoState) -> str:
    """The numbers of decisions and losses."""
    tally, status = state.tally, state.status
    return f"""
{tally.arrived:,} visitors in {tally.seconds:.0f} s: {tally.decisions:,} decisions, {tally.fallbacks} of them fallbacks
{tally.failures} failed calls, {tally.rejected} rejected messages
Model {status.model_version} includes {status.learned:,} of {tally.policy.visitors:,} decisions of the policy group
"""


def summary(state: DemoState) -> str:
    tally, status = state.tally, state.status
    return f"""{counts(state)}\
Most shown at the end: {_leaders(tally)}
Reward per visitor: {_comparison(tally)}
Learning delay: p50 at most {format_seconds(status.delay_p50)}, p99 at most {format_seconds(status.delay_p99)}
"""


def problems(state: DemoState) -> list[str]:
    """Sentences on what failed, if anything did."""
    tally, found = state.tally, []
    if (lost := tally.failures + tally.rejected) > MAX_LOST * tally.planned:
        found.append(f"Lost {lost} calls and messages, expected at most {MAX_LOST:.0%} of {tally.planned}.")
    if tally.fallbacks > tally.decisions / 2:
        found.append(f"Got {tally.fallbacks} fallbacks in {tally.decisions} decisions, expected a few at most.")
    if state.status.learned < (1 - MAX_LOST) * tally.policy.visitors:
        found.append(f"The model has learned from only {state.status.learned} of {tally.policy.visitors} decisions.")
    return found


def suggestions(server: DemoServer, example: ExamplePolicies, shop: str) -> str:
    """Commands for the reader to copy. Each one works as printed while the demo runs."""
    url, key = server.url, example.write_key
    post = "-H 'content-type: application/json'"
    return f"""\
The shop stays open at {shop}, and Edgewise runs at {url}, until you press Ctrl-C.
Try these commands in another terminal:

# Request a decision for a visitor, and keep its id:
decision=$(curl -sw '\\n' {url}/v1/decide \\
  {post} \\
  -d '{{"writeKey": "{key}", "anonymousId": "myself", "placements": ["{PLACEMENT}"],
       "context": {{
         "page": {{"url": "https://shop.example/?utm_source=pricewatch"}},
         "device": {{"type": "desktop"}}}}}}' \\
  | tee /dev/stderr | sed 's/.*"decisionId":"\\([^"]*\\)".*/\\1/')

# Reward the decision. After {example.policy.reward.window / 1000:g} s, the model has learned from it:
curl -sw '\\n' {url}/v1/track \\
  {post} \\
  -d '{{"writeKey": "{key}", "anonymousId": "myself", "event": "$reward",
       "properties": {{"decisionId": "'$decision'", "value": 1}}}}'

# See the policy's results. This requires the secret key:
curl -sw '\\n' {url}/v1/policies/{PLACEMENT} \\
  -H "authorization: Bearer $(cat {server.secret_key_file})"

# Print the address of the shop's home page with the debugger, which explains each decision:
echo "{shop}/?edgewise-debug=$(curl -s {url}/v1/previews \\
  {post} -d '{{"debug": true}}' \\
  -H "authorization: Bearer $(cat {server.secret_key_file})" \\
  | sed 's/.*"preview":"\\([^"]*\\)".*/\\1/')"

# Read all metrics, in Prometheus format:
curl -s {url}/metrics

Edit the policy. The server serves the new version within seconds:
  {example.file}
The server's log:
  {server.log}
"""


def _leaders(tally: DemoTally) -> str:
    leaders = [(segment.name, *tally.leader(segment)) for segment in tally.segments]
    return ", ".join(f"{name} {action} {share:.0%}" for name, action, share in leaders if action)


def _comparison(tally: DemoTally) -> str:
    lift = tally.lift()
    interval = f"{lift.value:+.0%} (95% interval {lift.low:+.0%} to {lift.high:+.0%})" if lift else "not known yet"
    return f"policy {tally.policy.mean:.3f}, control {tally.control.mean:.3f}, lift {interval}"
