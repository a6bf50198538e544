"""Provisional results on disk, corrected at the end: the final ones come once, in key order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.spool import Spool
from s3copy_cli.verify.walk import key_order

KEYS = st.text(max_size=4)
OUTCOMES = st.sampled_from(Outcome)


@given(st.dictionaries(KEYS, OUTCOMES, max_size=12), st.dictionaries(KEYS, st.none() | OUTCOMES, max_size=12))
def test_it_is_a_dictionary_in_key_order(walked: dict[str, Outcome], later: dict[str, Outcome | None]) -> None:
    with Spool() as spool:
        for key in sorted(walked, key=key_order):
            spool.add(ObjectResult(key, walked[key]))
        for key, outcome in later.items():
            spool.correct(key, ObjectResult(key, outcome) if outcome else None)
        found = [(result.key, result.outcome) for result in spool.iter_final()]
    merged = {**walked, **later}
    expected = [(key, merged[key]) for key in sorted(merged, key=key_order)]
    assert found == [(key, outcome) for key, outcome in expected if outcome is not None]


def test_the_last_correction_counts_and_details_survive() -> None:
    field = FieldComparison("etag", FieldVerdict.DIFFER, "a", "b", proves_content=True)
    open_result = ObjectResult("k\ud800", Outcome.DIFFERS, 1, "a", (field,))
    with Spool() as spool:
        spool.add(open_result)
        spool.correct("k\ud800", None)
        spool.correct("k\ud800", open_result)
        assert list(spool.iter_final()) == [open_result]
        # It may be read more than once.
        assert list(spool.iter_final()) == [open_result]
