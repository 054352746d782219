"""Settings: precedence, values, messages, and their table in the documentation."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import SettingsError
from edgewise.settings import TABLE, Settings

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: bool(text.strip())
)
measures = st.integers(min_value=1, max_value=10**11)


@pytest.mark.parametrize(
    ("flags", "environ", "port"),
    [
        ({}, {}, 8080),
        ({}, {"EDGEWISE_PORT": "81"}, 81),
        ({"port": "82"}, {"EDGEWISE_PORT": "81"}, 82),
        ({"port": None}, {"EDGEWISE_PORT": "81"}, 81),
        ({}, {"EDGEWISE_PORT": ""}, 8080),
    ],
)
def test_flag_overrides_variable_and_variable_overrides_default(
    flags: dict[str, str | None], environ: dict[str, str], port: int
) -> None:
    assert Settings.load(flags, environ).port == port


@given(
    st.builds(
        Settings,
        host=text,
        port=st.integers(0, 65535),
        policies=text.map(Path),
        data=text.map(Path),
        redis=st.none() | text,
        workers=st.integers(1, 1024),
        learner=st.booleans(),
        secret_key=st.none() | st.binary().map(lambda seed: hashlib.sha256(seed).hexdigest()),
        decide_budget=measures,
        appendfsync=st.sampled_from(["everysec", "always"]),
        retention=measures,
        log_bytes=measures,
        max_body=measures,
        country_header=st.none() | st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True),
        verbose=st.booleans(),
    )
)
def test_child_process_loads_equal_settings_from_its_environment(settings: Settings) -> None:
    assert Settings.load({}, settings.environ()) == settings


@pytest.mark.parametrize(
    ("variable", "written", "name", "value"),
    [
        ("EDGEWISE_DECIDE_BUDGET", "250ms", "decide_budget", 250),
        ("EDGEWISE_RETENTION", "2d", "retention", 172_800_000),
        ("EDGEWISE_LOG_BYTES", "64KiB", "log_bytes", 65536),
        ("EDGEWISE_LOG_BYTES", "65536", "log_bytes", 65536),
        ("EDGEWISE_MAX_BODY", "2GiB", "max_body", 2 << 30),
        ("EDGEWISE_LEARNER", "No", "learner", False),
        ("EDGEWISE_VERBOSE", "1", "verbose", True),
        ("EDGEWISE_DATA", "/var/lib/edgewise", "data", Path("/var/lib/edgewise")),
    ],
)
def test_values_have_units(variable: str, written: str, name: str, value: object) -> None:
    assert getattr(Settings.load({}, {variable: written}), name) == value


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "http", "a whole number from 0 to 65535"),
        ("port", "tcp://10.0.0.1:80", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("port", "８０", "a whole number from 0 to 65535"),
        ("workers", "0", "a whole number from 1 to 1024"),
        ("host", " ", "text that is not blank"),
        ("learner", "maybe", "true or false"),
        ("appendfsync", "no", "one of everysec, always"),
        ("decide_budget", "50", "a duration"),
        ("decide_budget", "0ms", "a duration"),
        ("retention", "-1d", "a duration"),
        ("log_bytes", "256MB", "a size in bytes"),
        ("max_body", "0", "a size in bytes"),
        ("max_body", "1.5MiB", "a size in bytes"),
        ("country_header", "cf_country:", "the name of a header"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_flag_or_variable(name: str, wrong: str, expected: str) -> None:
    flag, variable = f"--{name.replace('_', '-')}", f"EDGEWISE_{name.upper()}"
    for flags, environ, where in (({name: wrong}, {}, flag), ({}, {variable: wrong}, variable)):
        with pytest.raises(SettingsError) as refused:
            Settings.load(flags, environ)
        assert str(refused.value).startswith(f"{where}: Expected {expected}")
        assert f', found "{wrong}".' in str(refused.value)


def test_settings_cannot_be_changed() -> None:
    settings: Any = Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1


def test_one_core_gets_one_worker() -> None:
    assert Settings().workers >= 1


def test_documentation_lists_every_setting() -> None:
    page = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
    documented = re.findall(r"^\| `(--\S+)` \| `(\S+)` \| (.*) \| (.*) \|$", page.read_text(), re.MULTILINE)
    assert documented == [(row.flag, row.variable, row.default, row.meaning) for row in TABLE]
