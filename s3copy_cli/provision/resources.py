"""The words in which desired and remote state are both written, so that a plan is a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final


class Kind(str, Enum):
    """The resources of a pipeline, in the order in which setup builds them."""

    SOURCE_BUCKET = "source bucket"
    SOURCE_BUCKET_POLICY = "source bucket policy"
    DESTINATION_BUCKET = "destination bucket"
    DESTINATION_BUCKET_POLICY = "destination bucket policy"
    LOG_GROUP = "log group"
    DEAD_LETTER_QUEUE = "dead-letter queue"
    DEAD_LETTER_QUEUE_POLICY = "dead-letter queue policy"
    EVENT_QUEUE = "event queue"
    ROLE = "role"
    ROLE_POLICY = "role policy"
    EVENT_QUEUE_ACCESS = "event queue access"
    FUNCTION = "function"
    ASYNC_INVOCATION = "async invocation"
    EVENT_SOURCE_MAPPING = "event source mapping"
    PERMISSION = "invoke permission"
    RULE = "rule"
    RULE_PERMISSION = "rule's invoke permission"
    RULE_TARGET = "rule's target"
    EVENTBRIDGE_SWITCH = "EventBridge switch"
    TRIGGER = "trigger"
    # Not a resource, but what has to be waited for before an old trigger may go.
    HANDOVER = "hand-over"
    # What the pipeline had before its buckets were changed; setup makes none of these.
    FORMER_TRIGGER = "former trigger"
    UNUSED_SOURCE_BUCKET = "unused source bucket"
    UNUSED_DESTINATION_BUCKET = "unused destination bucket"


BUCKET_POLICIES = {
    Kind.SOURCE_BUCKET: Kind.SOURCE_BUCKET_POLICY,
    Kind.DESTINATION_BUCKET: Kind.DESTINATION_BUCKET_POLICY,
}

# Attribute names; they are shown in plans, so they read as words.
PUBLIC_ACCESS = "public access"
OBJECT_OWNERSHIP = "object ownership"
DEFAULT_ENCRYPTION = "default encryption"
ABORT_UPLOADS = "abort incomplete uploads after days"
VERSIONING = "versioning"
TLS_ONLY = "TLS only"
RETENTION_DAYS = "retention days"
RETENTION_SECONDS = "retention seconds"
QUEUE_ENCRYPTION = "encryption by SQS"
TRUST = "trust policy"
DOCUMENT = "policy document"
STATE = "state"
CODE = "code SHA-256"
RUNTIME = "runtime"
HANDLER = "handler"
ROLE = "role"
TIMEOUT = "timeout seconds"
MEMORY = "memory MB"
ARCHITECTURE = "architecture"
ENVIRONMENT = "environment"
PROPAGATE_DELETES = "propagate deletes"
ACCEPT_PERMANENT_DELETES = "permanent deletes accepted"
SYNC_TAGS = "sync tags"
STORAGE_CLASS = "storage class"
KMS_KEY = "KMS key"
SETTINGS = "recorded settings"
RESERVED_CONCURRENCY = "reserved concurrency"
BOUNDARY = "permissions boundary"
DESCRIPTION = "description"
TAGS = "tags"
BUCKET_KEY = "KMS key of the bucket"
LOG_GROUP = "log group"
LOG_FORMAT = "log format"
RECURSIVE_LOOPS = "recursive loops"
MAX_RETRIES = "retries"
MAX_EVENT_AGE = "maximum event age seconds"
ON_FAILURE = "on failure"
STATEMENT = "statement"
EVENTS = "events"
FUNCTION_ARN = "function"
QUEUE_ARN = "queue"
PREFIX = "prefix"
SUFFIX = "suffix"
DESTINATION_PREFIX = "destination prefix"
VISIBILITY_SECONDS = "visibility timeout seconds"
MAX_DELIVERIES = "deliveries before it is parked"
BATCH_SIZE = "batch size"
BATCH_WINDOW = "batch window seconds"
MAX_CONCURRENCY = "maximum concurrency"
RESPONSE_TYPES = "response types"
DUPLICATES = "duplicates"
FILTERS = "filters"
PATTERN = "event pattern"
SCHEDULE = "schedule"
SWITCHED_BUCKET = "turned on for"
# What setup leaves alone, and what is drift where it is there: it loses or delays events, or runs other people's code.
ON_SUCCESS = "on success"
DELAY_SECONDS = "delay seconds"
MESSAGE_BYTES = "maximum message bytes"
MOVED_ON = "moves messages on to"
LAYERS = "layers"
VPC = "VPC subnets"
FILE_SYSTEMS = "file systems"
DEAD_LETTERS_TOO = "dead letters also to"
REDRIVE_ALLOW = "redrive allow policy"
POLLERS = "provisioned pollers"

# The value of VERSIONING under which a delete leaves the object behind as a version.
VERSIONING_ENABLED = "Enabled"
# What the function's state can be, in our words.
STATE_ACTIVE = "active"
STATE_PENDING = "pending"
STATE_UPDATE_FAILED = "update failed"
STATE_FAILED = "failed"
STATE_DELETING = "deleting"
# What Lambda does about a function that starts itself for ever (PutFunctionRecursionConfig); its default.
LOOPS_TERMINATE: Final = "Terminate"


@dataclass(frozen=True)
class DesiredResource:
    """A resource as it ought to be.

    Attributes:
        kind: what it is.
        name: its name in AWS.
        attributes: everything about it that setup sets.
        not_applicable: why it is not to exist here; "" where it is.
        is_adopted: it is the owner's: it must exist, and nothing of it is ever changed.
    """

    kind: Kind
    name: str
    attributes: Mapping[str, Any]
    not_applicable: str = ""
    is_adopted: bool = False


@dataclass(frozen=True)
class RemoteResource:
    """A resource as it is.

    Attributes:
        kind: what it is.
        name: its name in AWS.
        exists: whether it was found.
        is_ours: whether it carries our ownership tag (or belongs to a resource that does, by our own id).
        attributes: what was read of the attributes that setup sets.
        problem: why it cannot be ours, in words, where `is_ours` is false; AWS's answer where something is `lacking`.
        obstacle: why it cannot be made as desired although it is (or would be) ours, in words; "" where it can.
        changed_at: when it was made or last changed, for a role and a function; None where that is not known.
        is_adopted: it is the owner's, by their own choice; then it is not ours, and nothing is wrong with that.
        policy: of a bucket, its policy document; {} without one, or where it may not be read.
        notifications: for a trigger, the bucket's whole notification configuration.
        former_buckets: for a function, the source buckets it had before and in which our trigger may still be.
        lacking: the permission without which it could not be looked at; "" where it was.
        notes: what its owner should know about it and setup leaves as it is, in words.
    """

    kind: Kind
    name: str
    exists: bool = False
    is_ours: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    obstacle: str = ""
    changed_at: datetime | None = None
    is_adopted: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)
    notifications: Mapping[str, Any] = field(default_factory=dict)
    former_buckets: tuple[str, ...] = ()
    lacking: str = ""
    notes: tuple[str, ...] = ()


RemoteState = Mapping[Kind, RemoteResource]
