from __future__ import annotations

import pytest

from lambda_handler.strategy import CopyWhole, Refuse, choose_strategy

FIVE_GIB = 5_368_709_120


@pytest.mark.parametrize("size", [0, 1, FIVE_GIB])
@pytest.mark.parametrize("etag", ['"' + "0" * 32 + '"', '"' + "0" * 32 + '-7"'])
def test_up_to_five_gib_one_request_copies(state, size: int, etag: str) -> None:
    assert choose_strategy(state(size=size, etag=etag)) == CopyWhole("copy_object", 1)


def test_more_is_refused_for_good(state) -> None:
    strategy = choose_strategy(state(size=FIVE_GIB + 1))
    assert isinstance(strategy, Refuse)
    assert strategy.failure.code == "ObjectTooLarge"
    assert strategy.failure.permanent
    assert "5368709121 bytes" in strategy.failure.message
