from __future__ import annotations

from types import MappingProxyType
from typing import Any

from edgewise.conditions.codegen import function_of_attributes
from edgewise.conditions.compiler import compile_condition, compile_conditions, matches
from edgewise.types import Attributes, Condition


def test_an_attribute_is_looked_up_once_for_all_conditions() -> None:
    asked: list[str] = []

    class Counting(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            asked.append(key)
            return super().get(key, default)

    orders = [{"visitor.orders": {"$gte": 1}}, {"visitor.orders": {"$lt": 4}}]
    holds = compile_conditions([*orders, {"visitor.traits.plan": "pro"}])
    assert holds({"visitor": Counting(orders=3, traits={"plan": "pro"})}) == (True, True, True)
    assert asked == ["orders", "traits"]


def test_no_text_of_a_condition_becomes_source() -> None:
    hostile = '"); raise SystemExit("'
    attributes = {hostile: {hostile: hostile}}
    for operand in (hostile, {"$in": [hostile]}, {"$eq": hostile}, {"$gte": hostile}, {"$all": [hostile]}):
        assert compile_condition({f"{hostile}.{hostile}": operand})(attributes) in (True, False)
    assert matches({f"{hostile}.{hostile}": hostile}, attributes)


def test_an_attribute_and_its_parent_are_both_looked_up() -> None:
    function = function_of_attributes(
        lambda builder: f"({', '.join(str(builder.attribute(path)) for path in ('a', 'a.b', 'a.b.c'))})"
    )
    assert function({"a": {"b": 1}}) == ({"b": 1}, 1, None)
    assert function(MappingProxyType({"a": 2})) == (2, None, None)
    assert function(None) == (None, None, None)


def test_deeply_nested_conditions_compile() -> None:
    condition: dict[str, Any] = {"a": 1}
    for _ in range(40):
        condition = {"$not": {"$and": [condition]}}
    assert matches(condition, {"a": 1})
    operators: dict[str, Any] = {"$gt": 1}
    for _ in range(81):
        operators = {"$not": operators}
    assert not matches({"a": operators}, {"a": 2})


def test_conditions_compiled_together_agree_with_each_alone() -> None:
    conditions: list[Condition] = [{"a": 1}, {"$or": [{"a": 2}, {"b": {"$exists": True}}]}, {}, {"b.c": {"$lt": 5}}]
    together = compile_conditions(conditions)
    visitors: list[Attributes] = [{}, {"a": 1}, {"a": 2, "b": {"c": 7}}, {"b": {"c": 4}}]
    for attributes in visitors:
        assert together(attributes) == tuple(matches(one, attributes) for one in conditions)
    assert compile_conditions([])({}) == ()
