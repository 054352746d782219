from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from edgewise.http.decode_errors import problem_of
from edgewise.visitors.message import NO_NUL


class Item(Struct):
    id: Annotated[str, Meta(min_length=1, max_length=3, pattern=NO_NUL)]


class Body(Struct, forbid_unknown_fields=True):
    items: Annotated[list[str | Item], Meta(max_length=2)] = []
    size: Annotated[int, Meta(ge=1, le=9)] | None = None
    kind: Literal["a", "b"] = "a"
    time: datetime | None = None
    flag: bool = False
    number: float = 0.0
    item: Item | None = None
    data: Any = None


@pytest.mark.parametrize(
    ("json", "path", "message"),
    [
        ("[]", "", "Expected an object, found a list."),
        ('{"items": 5}', "items", "Expected a list, found a whole number."),
        ('{"items": [1.5]}', "items[0]", "Expected a text or an object, found a number."),
        ('{"items": ["", "", ""]}', "items", "Expected at most 2 items."),
        ('{"items": [{"id": ""}]}', "items[0].id", "Expected at least 1 character."),
        ('{"item": {"id": "1234"}}', "item.id", "Expected at most 3 characters."),
        ('{"item": {"id": "a\\u0000"}}', "item.id", "Expected a text without NUL characters. Remove them."),
        ('{"item": {}}', "item", "Missing field `id`. Add it."),
        ('{"size": 0}', "size", "Expected a whole number of at least 1."),
        ('{"size": 10}', "size", "Expected a whole number of at most 9."),
        ('{"size": "5"}', "size", "Expected a whole number or null, found a text."),
        ('{"kind": "c"}', "kind", "Unknown value 'c'. Use one of the values in /openapi.json."),
        ('{"time": "today"}', "time", "Expected a time such as 2026-01-31T12:00:00Z, found another text."),
        ('{"time": 5}', "time", "Expected a time or null, found a whole number."),
        ('{"flag": null}', "flag", "Expected a boolean, found null."),
        ('{"data": 1e999}', "data", "Expected a number of at most 64 bits, found a larger one."),
        ('{"more": 1}', "", "Unknown field `more`. Remove it."),
    ],
)
def test_problem_is_a_plain_sentence_with_a_path(json: str, path: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as invalid:
        msgspec.json.decode(json, type=Body)
    assert problem_of(invalid.value) == (path, message)


def test_long_value_is_shortened() -> None:
    with pytest.raises(msgspec.ValidationError) as invalid:
        msgspec.json.decode('{"kind": "' + "c" * 9999 + '"}', type=Body)
    assert len(problem_of(invalid.value).message) < 200


def test_unknown_error_becomes_a_sentence() -> None:
    assert problem_of(msgspec.ValidationError("Something else - at `$.a.b`")) == ("a.b", "Something else.")
