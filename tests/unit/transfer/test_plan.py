from __future__ import annotations

import mimetypes
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import ExitCode, UsageError
from s3copy_cli.transfer.listing import FoundFile
from s3copy_cli.transfer.plan import (
    MAX_KEY_BYTES,
    MAX_OBJECT_BYTES,
    TypeGuesser,
    key_problem,
    parse_metadata,
    parse_tags,
    plan_uploads,
)


def files(*names: str) -> list[FoundFile]:
    return [FoundFile(path=f"in/{name}", name=name, size=1) for name in names]


def refusal(names: Sequence[str], prefix: str = "") -> UsageError:
    with pytest.raises(UsageError) as caught:
        plan_uploads(files(*names), prefix=prefix)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.hint
    return caught.value


def test_the_prefix_is_put_before_the_name_as_it_is() -> None:
    plan = plan_uploads(files("a.csv", "sub/b"), prefix="2026")
    assert [file.key for file in plan.files] == ["2026a.csv", "2026sub/b"]
    assert plan.size == 2


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.csv", "text/csv"),
        ("A.CSV", "text/csv"),
        ("a.csv.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.tar.bz2", "application/x-bzip2"),
        ("a.Z", "application/x-compress"),
        ("a.json", "application/json"),
        ("a.html", "text/html"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.jsonl", "application/x-ndjson"),
        ("dir.csv/a", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".csv", "application/octet-stream"),
        ("data:text/html,a", "application/octet-stream"),
    ],
)
def test_content_types(name: str, content_type: str) -> None:
    assert TypeGuesser().guess(name) == content_type


def test_the_systems_own_types_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "types_map", {**mimetypes.types_map, ".csv": "system/type"})
    mimetypes.add_type("system/type", ".unheard-of")
    guesser = TypeGuesser()
    assert guesser.guess("a.csv") == "text/csv"
    assert guesser.guess("a.unheard-of") == "application/octet-stream"


def test_a_given_content_type_is_for_all() -> None:
    plan = plan_uploads(files("a.csv", "b"), content_type="text/plain; charset=utf-8")
    assert {file.content_type for file in plan.files} == {"text/plain; charset=utf-8"}


@pytest.mark.parametrize("content_type", ["csv", "text/", "/csv", "text/csv\r\nX: y", "tèxt/csv", "text/csv x"])
def test_a_content_type_that_is_none_is_refused(content_type: str) -> None:
    with pytest.raises(UsageError, match="type/subtype"):
        plan_uploads(files("a"), content_type=content_type)


def test_the_length_of_a_key_counts_in_utf8() -> None:
    assert key_problem("x" * 1024) == ""
    assert key_problem("é" * 512) == ""
    assert "1,025 bytes" in key_problem("x" * 1025)
    assert "1,026 bytes" in key_problem("é" * 513)


@pytest.mark.parametrize("key", ["a/../b", "a/b/../../c", "./a", ".", "a//b", "/a", "a/..", "..a", "a/..b", "soap/x"])
def test_odd_keys_that_s3_takes(key: str) -> None:
    assert key_problem(key) == ""


@pytest.mark.parametrize("key", ["..", "../a", "a/../../b", "./../a", "//../a"])
def test_keys_that_climb_above_the_bucket_are_refused(key: str) -> None:
    assert "climb above" in key_problem(key)


def test_the_key_that_is_an_address_of_s3_itself_is_refused() -> None:
    assert "soap" in refusal(["soap"]).happened


@given(st.text(max_size=300))
def test_no_text_makes_the_check_of_a_key_fail(key: str) -> None:
    problem = key_problem(key)
    if not problem:
        assert len(key.encode()) <= MAX_KEY_BYTES


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/."), min_size=1, max_size=20), unique=True))
def test_every_file_gets_its_own_key_in_the_same_order(names: list[str]) -> None:
    plan = plan_uploads(files(*names), prefix="p/")
    assert [file.key for file in plan.files] == [f"p/{name}" for name in names]
    assert [file.path for file in plan.files] == [f"in/{name}" for name in names]


def test_names_that_are_not_utf8_are_refused() -> None:
    assert "not valid UTF-8" in refusal(["bad\udcff"]).happened


def test_two_files_with_one_key_are_refused_by_both_names() -> None:
    with pytest.raises(UsageError, match="a/x and b/x would both become 'x'"):
        plan_uploads([FoundFile("a/x", "x", 1), FoundFile("b/x", "x", 1)])


def test_a_file_that_no_object_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="S3 allows"):
        plan_uploads([FoundFile("x", "x", MAX_OBJECT_BYTES + 1)])


def test_metadata_is_read_as_s3_keeps_it() -> None:
    assert parse_metadata(["Owner=me", "formula=a=b", "empty="]) == {"owner": "me", "formula": "a=b", "empty": ""}


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        (["a"], "no '='"),
        (["=a"], "no name"),
        (["a b=c"], "only letters"),
        (["a:b=c"], "only letters"),
        (["ü=c"], "only letters"),
        (["a=ü"], "printable ASCII"),
        (["a=b\r\nx-amz-acl: public-read"], "printable ASCII"),
        (["a=b\t"], "printable ASCII"),
        (["a= b"], "would be lost"),
        (["a=1", "A=2"], "given twice"),
    ],
)
def test_metadata_that_headers_cannot_carry_is_refused(pairs: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_metadata(pairs)
    assert "--metadata" in caught.value.doing


def test_the_limit_of_metadata_counts_names_and_values() -> None:
    assert parse_metadata(["ab=" + "x" * 2046])
    with pytest.raises(UsageError, match=r"2,049 bytes; S3 allows 2,048"):
        parse_metadata(["ab=" + "x" * 2047])


def test_tags_keep_capitals_spaces_and_letters_of_any_script() -> None:
    assert parse_tags(["Project=Ä b", "project=x=y", "a="]) == {"Project": "Ä b", "project": "x=y", "a": ""}
    assert len(parse_tags([f"k{number}=v" for number in range(10)])) == 10
    assert parse_tags(["k" * 128 + "=" + "v" * 256])


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        (["a"], "no '='"),
        (["=a"], "no name"),
        (["a=1", "a=2"], "given twice"),
        (["a=b*"], "may have only"),
        (["a=b\n"], "may have only"),
        (["aws:x=1"], "'aws:'"),
        (["AWS:x=1"], "'aws:'"),
        (["k" * 129 + "=v"], "128 characters"),
        (["k=" + "v" * 257], "256"),
        ([f"k{number}=v" for number in range(11)], "11 tags were given; S3 allows 10"),
    ],
)
def test_tags_that_s3_refuses_are_refused(pairs: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_tags(pairs)
    assert "--tag" in caught.value.doing
