"""At random: others add and remove entries and the EventBridge switch, we come, change and go; theirs are untouched."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.notifications import (
    describe_overlap,
    find_entry,
    sends_to_eventbridge,
    trigger_entry,
    with_entry,
    with_eventbridge,
    without_entry,
)

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
KINDS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
EVENTS = ["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
PARTS = st.sampled_from(["", "a", "a/b", "b", ".csv", "v"])


class Bucket(RuleBasedStateMachine):
    """`theirs` is what others have put there; `configuration` what S3 holds."""

    def __init__(self) -> None:
        super().__init__()
        self.theirs: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.ours: dict[str, Any] | None = None
        self.number = 0

    @rule(
        kind=st.sampled_from(sorted(KINDS)),
        events=st.sets(st.sampled_from(EVENTS), min_size=1),
        prefix=PARTS,
        suffix=PARTS,
    )
    def others_add(self, kind: str, events: set[str], prefix: str, suffix: str) -> None:
        self.number += 1
        rules = [{"Name": name, "Value": value} for name, value in (("Prefix", prefix), ("Suffix", suffix)) if value]
        entry: dict[str, Any] = {"Id": f"theirs-{self.number}", KINDS[kind]: "arn", "Events": sorted(events)}
        if rules:
            entry["Filter"] = {"Key": {"FilterRules": rules}}
        # S3 would not have it next to others; that is their problem.
        for holder in (self.theirs, self.configuration):
            holder.setdefault(kind, []).append(deepcopy(entry))

    @rule(data=st.data())
    @precondition(lambda self: any(kind in KINDS for kind in self.theirs))
    def others_remove(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(kind for kind in self.theirs if kind in KINDS)))
        gone = data.draw(st.sampled_from([entry["Id"] for entry in self.theirs[kind]]))
        self.theirs, self.configuration = (without_entry(holder, gone) for holder in (self.theirs, self.configuration))

    @rule(is_on=st.booleans())
    def others_switch_eventbridge(self, is_on: bool) -> None:
        self.theirs, self.configuration = (
            with_eventbridge(holder, is_on=is_on) for holder in (self.theirs, self.configuration)
        )

    @rule(
        events=st.sets(st.sampled_from(EVENTS), min_size=1),
        queue_arn=st.sampled_from(["", "arn:q"]),
        prefix=PARTS,
        suffix=PARTS,
    )
    def we_set_up(self, events: set[str], queue_arn: str, prefix: str, suffix: str) -> None:
        entry = trigger_entry(PIPELINE, sorted(events), queue_arn=queue_arn, prefix=prefix, suffix=suffix)
        if describe_overlap(self.configuration, entry):
            return
        self.configuration = with_entry(self.configuration, entry)
        self.ours = entry

    @rule()
    def we_tear_down(self) -> None:
        self.configuration = without_entry(self.configuration, PIPELINE.notification_id)
        self.ours = None

    @invariant()
    def theirs_are_untouched(self) -> None:
        assert without_entry(self.configuration, PIPELINE.notification_id) == self.theirs
        assert sends_to_eventbridge(self.configuration) == sends_to_eventbridge(self.theirs)

    @invariant()
    def ours_is_there_once(self) -> None:
        assert find_entry(self.configuration, PIPELINE.notification_id) == self.ours
        everything = [entry["Id"] for kind in KINDS for entry in self.configuration.get(kind, [])]
        assert everything.count(PIPELINE.notification_id) == (self.ours is not None)


TestBucket = Bucket.TestCase
TestBucket.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
