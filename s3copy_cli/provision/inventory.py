"""Which pipelines there are: by their functions, and by what is left of those that have none any more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.config import OWNERSHIP_TAG
from s3copy_cli.deployed import (
    ENV_DESTINATION_BUCKET,
    ENV_PIPELINE,
    ENV_SOURCE_BUCKET,
    function_tags,
    unreadable_variables,
)
from s3copy_cli.errors import CredentialsError
from s3copy_cli.provision.function_state import function_state, lambda_time
from s3copy_cli.provision.remote import FUNCTION_MISSING

# The variable in which setup keeps what only setup needs (provision/choices.py), and the trigger's place in it.
_ENV_SETTINGS = "S3COPY_SETTINGS"
_DEFAULT_TRIGGER = "s3"
_THREADS = 8


@dataclass(frozen=True)
class ListedPipeline:
    """A pipeline that stands.

    Attributes:
        name: the pipeline's.
        region: where its function is.
        source_bucket: the bucket that files are put into.
        destination_bucket: the bucket that they are copied to.
        trigger: what starts the function, as it was chosen; "unknown" if the record cannot be read.
        state: what Lambda says of the function, in our words.
        changed_at: when the function's code or settings last changed; None where that is not known.
        problem: why commands will refuse it, in words; "" if they will not.
    """

    name: str
    region: str
    source_bucket: str
    destination_bucket: str
    trigger: str
    state: str
    changed_at: datetime | None
    problem: str = ""


@dataclass(frozen=True)
class Leftover:
    """What carries the tag of a pipeline that has no function.

    Attributes:
        name: the pipeline's.
        region: where it is.
        arns: the resources.
    """

    name: str
    region: str
    arns: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """What was found.

    Attributes:
        regions: those that were looked at.
        pipelines: by name, then Region.
        leftovers: by name, then Region.
        leftovers_not_looked_for: why leftovers were not looked for, by Region; empty where they were.
        skipped_regions: those that the account has not enabled.
    """

    regions: tuple[str, ...] = ()
    pipelines: tuple[ListedPipeline, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    leftovers_not_looked_for: Mapping[str, str] = field(default_factory=dict)
    skipped_regions: tuple[str, ...] = ()


def take_inventory(aws: Aws) -> Inventory:
    """Look in one Region.

    Raises:
        AwsError: the functions may not be listed.
        CredentialsError: AWS refuses the credentials, or the account has not enabled the Region.
    """
    return _look(aws)


def take_inventory_of_all_regions(aws: Aws) -> Inventory:
    """Look in every Region of the partition that has Lambda, as far as the SDK knows them.

    Raises:
        AwsError: the functions of a Region may not be listed.
        CredentialsError: AWS refuses the credentials everywhere.
    """
    partition = aws.session.get_partition_for_region(aws.region)
    names = sorted({aws.region, *aws.session.get_available_regions("lambda", partition_name=partition)})
    regions = [replace(aws, region=name) for name in names]
    # Clients are made here, not in the threads: making them is not thread-safe.
    for region in regions:
        _ = (region.lambda_, region.tagging)

    def look(region: Aws) -> Inventory | CredentialsError:
        try:
            return _look(region)
        except CredentialsError as error:
            return error

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="s3copy-list") as pool:
        answers = list(pool.map(look, regions))
    found = [answer for answer in answers if isinstance(answer, Inventory)]
    refused = [answer for answer in answers if isinstance(answer, CredentialsError)]
    if not found:
        raise refused[0]
    skipped = tuple(name for name, answer in zip(names, answers, strict=True) if not isinstance(answer, Inventory))
    return merge(found, skipped)


def merge(found: Sequence[Inventory], skipped_regions: tuple[str, ...] = ()) -> Inventory:
    """Several Regions' inventories as one."""
    return Inventory(
        regions=tuple(region for one in found for region in one.regions),
        pipelines=tuple(sorted((p for one in found for p in one.pipelines), key=lambda p: (p.name, p.region))),
        leftovers=tuple(sorted((rest for one in found for rest in one.leftovers), key=lambda r: (r.name, r.region))),
        leftovers_not_looked_for={region: why for one in found for region, why in one.leftovers_not_looked_for.items()},
        skipped_regions=skipped_regions,
    )


def leftovers_of(arns: Iterable[tuple[str, str]], standing: set[str], region: str) -> tuple[Leftover, ...]:
    """What belongs to pipelines that do not stand. Pure.

    Args:
        arns: each tagged resource's ARN, and the pipeline that its tag names.
        standing: the pipelines that have a function.
        region: where this is.
    """
    by_name: dict[str, list[str]] = {}
    for arn, name in arns:
        if name not in standing:
            by_name.setdefault(name, []).append(arn)
    return tuple(Leftover(name, region, tuple(sorted(found))) for name, found in sorted(by_name.items()))


def _look(aws: Aws) -> Inventory:
    with translate_errors(f"listing the pipelines in {aws.region}", region=aws.region):
        candidates = [
            function
            for page in aws.lambda_.get_paginator("list_functions").paginate()
            for function in page["Functions"]
            if function.get("Environment", {}).get("Variables", {}).get(ENV_PIPELINE)
        ]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="s3copy-list") as pool:
            listed = list(pool.map(lambda function: _pipeline(aws, function["FunctionName"]), candidates))
        try:
            arns = list(_tagged(aws.tagging))
        except ClientError as error:
            needs = "it needs tag:GetResources" if is_denied(error) else f"GetResources answered {error_code(error)}"
            return Inventory((aws.region,), _sorted(listed), leftovers_not_looked_for={aws.region: needs})
        seen = {function["FunctionName"] for function in candidates}
        # Those that do not say any more what they are, but are tagged.
        listed += [_pipeline(aws, name) for name in sorted(_functions_among(arns) - seen)]
    pipelines = _sorted(listed)
    return Inventory((aws.region,), pipelines, leftovers_of(arns, {one.name for one in pipelines}, aws.region))


def _sorted(listed: Iterable[ListedPipeline | None]) -> tuple[ListedPipeline, ...]:
    return tuple(sorted((one for one in listed if one is not None), key=lambda one: one.name))


def _functions_among(arns: Iterable[tuple[str, str]]) -> set[str]:
    """The functions that carry the name of their pipeline, among tagged resources."""
    return {name for arn, name in arns if ":lambda:" in arn and arn.endswith(f":function:{name}")}


def _pipeline(aws: Aws, function_name: str) -> ListedPipeline | None:
    """The pipeline of a function; None if it has gone meanwhile."""
    try:
        # ListFunctions tells neither state nor tags.
        answer = aws.lambda_.get_function(FunctionName=function_name)
        tags = function_tags(aws, answer)
    except ClientError as error:
        if error_code(error) not in FUNCTION_MISSING:
            raise
        return None
    configuration = answer["Configuration"]
    variables = configuration.get("Environment", {}).get("Variables", {})
    name = variables.get(ENV_PIPELINE, "")
    if not name:
        # Found by its tag.
        return ListedPipeline(
            name=function_name,
            region=aws.region,
            source_bucket="",
            destination_bucket="",
            trigger="unknown",
            state=function_state(configuration),
            changed_at=lambda_time(configuration.get("LastModified", "")),
            problem=unreadable_variables(configuration) or "its function's variables are missing",
        )
    problem = "" if tags.get(OWNERSHIP_TAG) == name else f"its function has no tag {OWNERSHIP_TAG}={name}"
    if name != function_name:
        problem = f"its function is called {function_name}"
    return ListedPipeline(
        name=name,
        region=aws.region,
        source_bucket=variables.get(ENV_SOURCE_BUCKET, ""),
        destination_bucket=variables.get(ENV_DESTINATION_BUCKET, ""),
        trigger=_trigger(variables.get(_ENV_SETTINGS, "")),
        state=function_state(configuration),
        changed_at=lambda_time(configuration.get("LastModified", "")),
        problem=problem,
    )


def _trigger(record: str) -> str:
    try:
        chosen = json.loads(record or "{}")
        return str(chosen.get("trigger", _DEFAULT_TRIGGER))
    except (ValueError, AttributeError):
        return "unknown"


def _tagged(tagging: Any) -> Iterable[tuple[str, str]]:
    for page in tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": OWNERSHIP_TAG}]):
        for resource in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
            yield resource["ResourceARN"], tags.get(OWNERSHIP_TAG, "")
