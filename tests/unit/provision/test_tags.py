"""Whose tags are whose, also when a setup is killed between two calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.tags import OWN_KEYS_TAG, parse_tag, tag_attribute, tag_writes, tags_problem, wanted_tags

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
KEYS = st.sampled_from("abcde")
chosen = st.dictionaries(KEYS, st.sampled_from("xyz"))


def converge(tags: dict[str, str], own: dict[str, str], *, killed_between: bool = False) -> dict[str, str]:
    """What a setup makes of a resource's tags: one call removes, another one sets."""
    wanted = {**PIPELINE.tags, **own}
    old = tag_attribute(tags)
    if old == wanted:
        return tags
    to_set, to_remove = tag_writes(old, wanted)
    left = {key: value for key, value in tags.items() if key not in to_remove}
    return left if killed_between else {**left, **to_set}


@given(theirs=chosen, first=chosen, second=chosen, third=chosen)
def test_ours_are_as_chosen_and_theirs_stay_also_after_a_kill(
    theirs: dict[str, str], first: dict[str, str], second: dict[str, str], third: dict[str, str]
) -> None:
    others = {key.upper(): value for key, value in theirs.items()}
    tags = {**others, **wanted_tags(PIPELINE, tuple(first.items()))}
    assert converge(tags, first) == tags, "a new resource is as desired"
    for own in (second, third):
        for made in (converge(tags, own), converge(converge(tags, own, killed_between=True), own)):
            assert made == {**others, **wanted_tags(PIPELINE, tuple(own.items()))}
        tags = converge(tags, own, killed_between=True)
    assert converge(tags, {}) == {**others, **PIPELINE.tags}


def test_a_tag_of_others_that_is_chosen_becomes_ours() -> None:
    tags = converge({**PIPELINE.tags, "a": "theirs"}, {"a": "ours"})
    assert tags == {**PIPELINE.tags, "a": "ours", OWN_KEYS_TAG: "a"}


def test_one_that_somebody_removed_is_missed() -> None:
    tags = {**PIPELINE.tags, OWN_KEYS_TAG: "a"}
    assert tag_attribute(tags) == {**PIPELINE.tags, "a": None}
    assert converge(tags, {}) == PIPELINE.tags
    assert tag_attribute({}) == {"s3copy:pipeline": None}


def test_as_it_is_typed() -> None:
    assert parse_tag("a=b=c") == ("a", "b=c")
    assert parse_tag("a=") == ("a", "")
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parse_tag("ab")


def test_the_most_that_is_allowed() -> None:
    assert tags_problem(tuple((f"k{n:03}", "v" * 256) for n in range(47))) == ""
    assert tags_problem((("k" * 128, "é ü:/=+-@_."),)) == ""
