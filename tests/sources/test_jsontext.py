"""JSON as leaves with exact positions, and edits that leave every other character alone."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.sources.jsontext import (
    MAX_DEPTH,
    MAX_LEAVES,
    JsonError,
    Names,
    edited,
    flatten,
    leaves,
    plain,
    replace,
    telling,
)

NAMES = st.text("abcdefgh_é名 .[]0", min_size=1, max_size=8).filter(plain)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def found(text: str) -> dict[str, object]:
    return {leaf.path: leaf.value for leaf in leaves(text)}


@settings(deadline=None)
@given(TREES, LAYOUTS)
def test_leaves_are_what_json_holds(tree: object, layout: dict) -> None:
    text = json.dumps(tree, **layout)
    assert found(text) == dict(flatten(json.loads(text)))
    assert len(found(text)) == len(list(leaves(text)))


@settings(deadline=None)
@given(TREES, LAYOUTS)
def test_every_leaf_is_where_it_says(tree: object, layout: dict) -> None:
    text = json.dumps(tree, **layout)
    for leaf in leaves(text):
        assert json.loads(text[leaf.start : leaf.end]) == leaf.value


@settings(deadline=None)
@given(TREES, LAYOUTS, st.data())
def test_replace_changes_the_named_scalars_and_nothing_else(tree: object, layout: dict, data: st.DataObject) -> None:
    text = json.dumps(tree, **layout)
    here = list(leaves(text))
    paths = [leaf.path for leaf in here]
    edits = data.draw(st.dictionaries(st.sampled_from(paths), st.text(), max_size=3)) if paths else {}
    new = replace(text, edits)
    assert json.loads(new) == edited(json.loads(text), edits)
    kept, at = [], 0
    for leaf in here:
        if leaf.path in edits:
            kept.append(re.escape(text[at : leaf.start]))
            at = leaf.end
    assert re.fullmatch(r"\"(?:[^\"\\]|\\.)*\"".join([*kept, re.escape(text[at:])]), new, re.DOTALL)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_json_or_a_json_error(text: str) -> None:
    try:
        said = f"{len(list(leaves(text)))} leaves"
    except JsonError as error:
        said = str(error)
    assert re.match(r"\d+ leaves|not valid JSON at line \d+: |more than ", said)


@settings(deadline=None)
@given(st.text('{}[]",:\\u0d8 tfn12.-+eE\n', max_size=25))
def test_what_python_reads_is_read(text: str) -> None:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return
    ours = list(map(repr, found(text).values()))
    assert [repr(one) for _, one in flatten(value) if repr(one) not in ours] == []


def test_scalars_have_their_types() -> None:
    assert found(' [1, -2.5e3, true, false, null, "\\u00e9\\n"] ') == {
        "[0]": 1,
        "[1]": -2500.0,
        "[2]": True,
        "[3]": False,
        "[4]": None,
        "[5]": "é\n",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "{",
        "[",
        '"',
        '{"a"',
        '{"a":',
        '{"a":1',
        '{"a":1,,"b":2}',
        "{a: 1}",
        "{'a': 1}",
        "[1 2]",
        "[1,]]",
        '{"a":1}}',
        '{"a":1} {"b":2}',
        '"\\x"',
        '"\\u12"',
        "nul",
        "+1",
        ".5",
        "\u0663",
        "[1]\0",
        "\ufeff{}",
        '{"a": }',
        '{"caption": "zq@example.com',
    ],
)
def test_malformed_documents_say_where_and_quote_nothing(text: str) -> None:
    with pytest.raises(JsonError) as caught:
        list(leaves(text))
    assert str(caught.value).startswith("not valid JSON at line 1: ")
    assert "zq" not in str(caught.value)


def test_the_line_of_a_fault_is_named() -> None:
    with pytest.raises(JsonError, match="line 3"):
        list(leaves('{\n"a": 1,\n"b" 2}'))


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "1" + "]" * depth

    assert found(nested(MAX_DEPTH)) == {"[0]" * MAX_DEPTH: 1}
    with pytest.raises(JsonError, match="deeper"):
        list(leaves(nested(MAX_DEPTH + 1)))
    with pytest.raises(JsonError, match="deeper"):
        list(leaves("[" * 1_000_000))
    deep: object = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(JsonError, match="deeper"):
        list(flatten(deep))


def test_the_number_of_values_is_bounded() -> None:
    assert len(found(json.dumps(list(range(MAX_LEAVES))))) == MAX_LEAVES
    with pytest.raises(JsonError, match=r"more than 10,000 values"):
        list(leaves(json.dumps(list(range(MAX_LEAVES + 1)))))


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * 1_000_000 + "1]",
        "[" + '{"a":{}},' * 500_000 + "1]",
        '{"' + "k" * 5_000_000 + '":[' + "1," * 9_000 + "1]}",
        '{"a":[' * 32 + "1",
        "[" + " " * 5_000_000,
        '{"a":1,' + '"a":1,' * 9_000 + '"a":2}',
        '"' + "\\u0041" * 1_000_000 + '"',
    ],
    ids=["lists", "objects", "key", "open", "space", "doubled", "escapes"],
)
@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_bombs_cost_little(text: str) -> None:
    try:
        size = sum(len(leaf.path) for leaf in leaves(text))
    except JsonError:
        size = 0
    assert size < 2_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "x", "a": "y", "a": "z"}', {"a": "x", "a[1]": "y", "a[2]": "z"}),
        ('{"a.b": "x", "a": {"b": "y"}}', {"a.b": "x", "a.b[1]": "y"}),
        ('{"a": {"b": "y"}, "a.b": "x"}', {"a.b": "y", "a.b[1]": "x"}),
        ('{"a[0]": "x", "a": ["y", "z"]}', {"a[0]": "x", "a[0][1]": "y", "a[1]": "z"}),
        ('{"a": "x", "a": ["y", "z"], "a": "w"}', {"a": "x", "a[0]": "y", "a[1]": "z", "a[2]": "w"}),
        ('[{"a": "x"}, "y"]', {"[0].a": "x", "[1]": "y"}),
    ],
)
def test_no_value_hides_behind_another(text: str, expected: dict[str, str]) -> None:
    assert found(text) == expected
    masked = replace(text, dict.fromkeys(expected, "-"))
    assert not re.search(r'"[w-z]"', masked)
    for path, value in expected.items():
        assert replace(text, {path: "-"}) == text.replace(f'"{value}"', '"-"')


@pytest.mark.parametrize(
    "key",
    ["zq@example.com", "+1 415 555 0100", "https://example.com/zq", "x" * 65, "", "a\nb", "path:", "json:a", "\ud800"],
)
def test_a_key_that_may_be_a_value_is_a_leaf_and_no_name(key: str) -> None:
    text = json.dumps({"friends": {"plain": 1, key: {"age": "x"}}})
    assert found(text) == {"friends.plain": 1, "friends.{1} (key)": key, "friends.{1}.age": "x"}
    masked = json.loads(replace(text, {"friends.{1} (key)": "<EMAIL>", "friends.{1}.age": "-"}))
    assert masked == {"friends": {"plain": 1, "<EMAIL>": {"age": "-"}}}
    assert dict(flatten(json.loads(text))) == {"friends.plain": 1, "friends.{1}.age": "x"}


@pytest.mark.parametrize(
    "key", ["caption", "og:title", "@type", "Price ($)", "image.url", "名前", "2024-05-17", "a b", "x" * 64]
)
def test_ordinary_names_stand_in_paths(key: str) -> None:
    assert plain(key)
    assert not telling(key)
    assert found(json.dumps({key: 1})) == {key: 1}


def test_numbers_of_any_size() -> None:
    values = found('{"a": 4111111111111111, "b": 1e400, "c": NaN, "d": -Infinity, "e": ' + "9" * 5_000 + "}")
    assert values["a"] == 4111111111111111
    assert values["b"] == math.inf
    assert math.isnan(values["c"])  # type: ignore[arg-type]
    assert values["d"] == -math.inf
    assert values["e"] == "9" * 5_000
    assert replace('{"n": ' + "9" * 5_000 + "}", {"n": "<CARD>"}) == '{"n": "<CARD>"}'


@pytest.mark.parametrize(
    ("text", "edits", "expected"),
    [
        ('{"a": "x\\ud800y", "b": "é"}', {"a": "-\ud800"}, '{"a": "-\\ud800", "b": "é"}'),
        ('{"a": "caf\\u00e9 x"}', {"a": "café -"}, '{"a": "caf\\u00e9 -"}'),
        ('{"a": "café x"}', {"a": "café -"}, '{"a": "café -"}'),
        ('{"a": "é \\u4e2d x"}', {"a": "é 中 -"}, '{"a": "\\u00e9 \\u4e2d -"}'),
        ('{"a":\t"x" ,\r\n "b":1.50}', {"a": '"\n'}, '{"a":\t"\\"\\n" ,\r\n "b":1.50}'),
        ('{"a": 4155550100}', {"a": "<PHONE>"}, '{"a": "<PHONE>"}'),
        ('"x"', {"": "-"}, '"-"'),
        ('{"a": "x"}', {"b": "-"}, '{"a": "x"}'),
    ],
)
def test_edits_keep_the_style_of_the_file(text: str, edits: dict[str, str], expected: str) -> None:
    assert replace(text, edits) == expected


@settings(deadline=None)
@given(st.lists(st.text("ab[]1", max_size=4), max_size=12))
def test_names_are_distinct_and_first_ones_stay(given_names: list[str]) -> None:
    names = Names()
    result = [names(name) for name in given_names]
    assert len(set(result)) == len(result)
    for name, unique in zip(given_names, result, strict=True):
        assert unique == name or re.fullmatch(re.escape(name) + r"\[\d+\]", unique)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_names_are_cheap_for_a_column_that_comes_a_hundred_thousand_times() -> None:
    names = Names()
    assert len({names("a") for _ in range(100_000)}) == 100_000


@settings(deadline=None)
@given(TREES)
def test_edited_without_edits_is_a_copy(tree: object) -> None:
    assert edited(tree, {}) == tree


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"a": [("k", "v")]}, {"a[0][0]": "k", "a[0][1]": "v"}),
        ({"a": {"b": None}, "c": []}, {"a.b": None}),
        ({1: "x"}, {"1": "x"}),
    ],
)
def test_flatten_of_what_parquet_gives(value: object, paths: dict[str, object]) -> None:
    assert dict(flatten(value)) == paths
    assert dict(flatten(edited(value, dict.fromkeys(paths, "-")))) == dict.fromkeys(paths, "-")
