"""What a pipeline's owner chose about copying. Pure.

The choices are kept in the function's environment and nowhere else: a setup that is not told about one keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from s3copy_cli.deployed import (
    ENV_ACCEPT_PERMANENT_DELETES,
    ENV_DESTINATION_PREFIX,
    ENV_KMS_KEY_ID,
    ENV_PREFIX,
    ENV_PROPAGATE_DELETES,
    ENV_STORAGE_CLASS,
    ENV_SUFFIX,
    ENV_SYNC_TAGS,
)
from s3copy_cli.errors import UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import RemoteResource
from s3copy_cli.provision.triggers.filters import check_filter

KEEP = "keep"
STANDARD = "STANDARD"
OPTION_VARIABLES = frozenset(
    {
        *(ENV_PROPAGATE_DELETES, ENV_ACCEPT_PERMANENT_DELETES, ENV_SYNC_TAGS, ENV_STORAGE_CLASS, ENV_KMS_KEY_ID),
        *(ENV_PREFIX, ENV_SUFFIX, ENV_DESTINATION_PREFIX),
    }
)

_Choice = TypeVar("_Choice", bool, str)
_ON, _OFF = "on", "off"
_NO_KEY = "none"


@dataclass(frozen=True)
class CopyOptions:
    """What the owner chose about copying.

    Attributes:
        propagate_deletes: an object that is gone from the source is deleted at the destination.
        accept_permanent_deletes: so also where the destination keeps no versions.
        sync_tags: a change of tags alone is copied.
        storage_class: of the copies; "keep" for that of each source object.
        kms_key_id: what encrypts the copies, as an ARN wherever it was checked; None leaves it to the destination.
        prefix: only keys that begin so are copied.
        suffix: only keys that end so are copied.
        destination_prefix: stands before the whole key at the destination.
    """

    propagate_deletes: bool = False
    accept_permanent_deletes: bool = False
    sync_tags: bool = False
    storage_class: str = STANDARD
    kms_key_id: str | None = None
    prefix: str = ""
    suffix: str = ""
    destination_prefix: str = ""


@dataclass(frozen=True)
class GivenOptions:
    """What one command line says about copying; None where it says nothing.

    Attributes:
        kms_key_id: in any form that KMS takes; "" for no key any more.
        prefix: "" for keys that begin in any way again; likewise the other two.
    """

    propagate_deletes: bool | None = None
    accept_permanent_deletes: bool = False
    sync_tags: bool | None = None
    storage_class: str | None = None
    kms_key_id: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    destination_prefix: str | None = None


def option_environment(options: CopyOptions) -> dict[str, str]:
    """The function's variables for these options; a default has none."""
    switches = {
        ENV_PROPAGATE_DELETES: options.propagate_deletes,
        ENV_ACCEPT_PERMANENT_DELETES: options.accept_permanent_deletes,
        ENV_SYNC_TAGS: options.sync_tags,
    }
    environment = {name: "1" for name, is_on in switches.items() if is_on}
    if options.storage_class != STANDARD:
        environment[ENV_STORAGE_CLASS] = options.storage_class
    if options.kms_key_id:
        environment[ENV_KMS_KEY_ID] = options.kms_key_id
    affixes = {
        ENV_PREFIX: options.prefix,
        ENV_SUFFIX: options.suffix,
        ENV_DESTINATION_PREFIX: options.destination_prefix,
    }
    return environment | {name: affix for name, affix in affixes.items() if affix}


def option_attributes(environment: Mapping[str, str]) -> dict[str, Any]:
    """The variables in words for a plan. A value that the function would refuse stands as it is."""
    return {
        names.PROPAGATE_DELETES: _switch(environment.get(ENV_PROPAGATE_DELETES)),
        names.ACCEPT_PERMANENT_DELETES: _switch(environment.get(ENV_ACCEPT_PERMANENT_DELETES)),
        names.SYNC_TAGS: _switch(environment.get(ENV_SYNC_TAGS)),
        names.STORAGE_CLASS: environment.get(ENV_STORAGE_CLASS) or STANDARD,
        names.KMS_KEY: environment.get(ENV_KMS_KEY_ID) or _NO_KEY,
        names.PREFIX: environment.get(ENV_PREFIX, ""),
        names.SUFFIX: environment.get(ENV_SUFFIX, ""),
        names.DESTINATION_PREFIX: environment.get(ENV_DESTINATION_PREFIX, ""),
    }


def deployed_options(function: RemoteResource) -> CopyOptions:
    """The options that a function was deployed with; what is missing or cannot be meant is the default."""
    words = function.attributes
    storage_class = str(words.get(names.STORAGE_CLASS, STANDARD))
    key = str(words.get(names.KMS_KEY, _NO_KEY))
    return CopyOptions(
        propagate_deletes=words.get(names.PROPAGATE_DELETES) == _ON,
        accept_permanent_deletes=words.get(names.ACCEPT_PERMANENT_DELETES) == _ON,
        sync_tags=words.get(names.SYNC_TAGS) == _ON,
        storage_class=storage_class if _is_storage_class(storage_class) else STANDARD,
        kms_key_id=None if key == _NO_KEY else key,
        prefix=str(words.get(names.PREFIX, "")),
        suffix=str(words.get(names.SUFFIX, "")),
        destination_prefix=str(words.get(names.DESTINATION_PREFIX, "")),
    )


def chosen_options(given: GivenOptions, deployed: CopyOptions) -> CopyOptions:
    """What holds from now on: what was given, else what was deployed.

    Raises:
        UsageError: permanent deletes are accepted where no delete is propagated; or no key can begin or end so.
    """
    propagate_deletes = _given_or(given.propagate_deletes, deployed.propagate_deletes)
    if given.accept_permanent_deletes and not propagate_deletes:
        raise UsageError(
            "choosing how to copy",
            "--accept-permanent-deletes means nothing while deletes are not propagated",
            "Give it together with --propagate-deletes.",
        )
    prefix = _given_or(given.prefix, deployed.prefix)
    suffix = _given_or(given.suffix, deployed.suffix)
    destination_prefix = _given_or(given.destination_prefix, deployed.destination_prefix)
    check_filter(prefix, suffix, destination_prefix)
    return CopyOptions(
        propagate_deletes=propagate_deletes,
        # Given up together with the propagation: whoever turns that on again is asked again.
        accept_permanent_deletes=propagate_deletes
        and (given.accept_permanent_deletes or deployed.accept_permanent_deletes),
        sync_tags=_given_or(given.sync_tags, deployed.sync_tags),
        storage_class=given.storage_class or deployed.storage_class,
        kms_key_id=deployed.kms_key_id if given.kms_key_id is None else given.kms_key_id or None,
        prefix=prefix,
        suffix=suffix,
        destination_prefix=destination_prefix,
    )


def trigger_events(options: CopyOptions) -> list[str]:
    """The events that start the function, sorted."""
    events = ["s3:ObjectCreated:*"]
    if options.propagate_deletes:
        # Expiry by a lifecycle rule is a family of its own, not an ObjectRemoved.
        events += ["s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
    if options.sync_tags:
        events.append("s3:ObjectTagging:*")
    return sorted(events)


def _switch(value: str | None) -> str:
    return {None: _OFF, "": _OFF, "1": _ON}.get(value, str(value))


def _given_or(given: _Choice | None, deployed: _Choice) -> _Choice:
    return deployed if given is None else given


def _is_storage_class(word: str) -> bool:
    # Classes that are newer than this program are kept if the function takes them.
    return word == KEEP or re.fullmatch(r"[A-Z][A-Z0-9_]*", word) is not None
