from __future__ import annotations

import pytest

from lambda_handler.errors import SettingsError
from lambda_handler.options import Options
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


def test_options_are_off_unless_asked_for() -> None:
    assert read_settings(COMPLETE).options == Options()
    assert Options() == Options(propagate_deletes=False, sync_tags=False, storage_class="STANDARD", kms_key_id=None)


def test_options_are_read() -> None:
    chosen = {
        "S3COPY_PROPAGATE_DELETES": "1",
        "S3COPY_SYNC_TAGS": "1",
        "S3COPY_STORAGE_CLASS": "keep",
        "S3COPY_KMS_KEY_ID": "alias/copies",
    }
    options = read_settings({**COMPLETE, **chosen, "AWS_LAMBDA_FUNCTION_NAME": "p-copy"})
    assert options.function_name == "p-copy"
    assert options.options == Options(
        propagate_deletes=True, sync_tags=True, storage_class="keep", kms_key_id="alias/copies"
    )


@pytest.mark.parametrize("name", ["S3COPY_PROPAGATE_DELETES", "S3COPY_SYNC_TAGS"])
@pytest.mark.parametrize("value", ["0", "true", "yes", " 1"])
def test_a_switch_is_one_or_absent(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({**COMPLETE, name: value})
    assert read_settings({**COMPLETE, name: ""}).options == Options()


@pytest.mark.parametrize("value", ["Keep", "standard", "GLACIER IR", "GLACIER\n"])
def test_a_storage_class_is_written_as_s3_writes_it(value: str) -> None:
    with pytest.raises(SettingsError, match="S3COPY_STORAGE_CLASS"):
        read_settings({**COMPLETE, "S3COPY_STORAGE_CLASS": value})
    assert read_settings({**COMPLETE, "S3COPY_STORAGE_CLASS": "GLACIER_IR"}).options.storage_class == "GLACIER_IR"
