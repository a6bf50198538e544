from __future__ import annotations

import pytest

from lambda_handler.errors import SettingsError
from lambda_handler.settings import Settings, read_settings

COMPLETE = {
    "S3COPY_PIPELINE": "p",
    "S3COPY_SOURCE_BUCKET": "p-source",
    "S3COPY_DESTINATION_BUCKET": "p-destination",
    "S3COPY_EXPECTED_BUCKET_OWNER": "012345678901",
}


def test_settings_are_read() -> None:
    assert read_settings({**COMPLETE, "OTHER": "x"}) == Settings("p", "p-source", "p-destination", "012345678901")


@pytest.mark.parametrize("name", COMPLETE)
def test_a_missing_variable_is_named(name: str) -> None:
    for environment in ({**COMPLETE, name: ""}, {key: COMPLETE[key] for key in COMPLETE if key != name}):
        with pytest.raises(SettingsError) as caught:
            read_settings(environment)
        assert [key for key in COMPLETE if key in str(caught.value)] == [name]


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({})
    assert all(name in str(caught.value) for name in COMPLETE)


@pytest.mark.parametrize("owner", ["1", "0123456789012", "01234567890x", "012345678901\n", "٠١٢٣٤٥٦٧٨٩٠١"])
def test_the_owner_is_an_account_id(owner: str) -> None:
    with pytest.raises(SettingsError, match="S3COPY_EXPECTED_BUCKET_OWNER"):
        read_settings({**COMPLETE, "S3COPY_EXPECTED_BUCKET_OWNER": owner})


def test_a_bucket_is_not_copied_into_itself() -> None:
    with pytest.raises(SettingsError, match="same bucket"):
        read_settings({**COMPLETE, "S3COPY_DESTINATION_BUCKET": "p-source"})
