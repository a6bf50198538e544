"""What is made of the runtime ends with whoever made it."""

from __future__ import annotations

import gc
import weakref

from s3copy_cli.s3.runtime import Runtime


def no_credentials() -> None:
    raise AssertionError("nothing is signed here")


def test_a_runtime_that_nobody_needs_any_more_is_taken_down() -> None:
    runtime = Runtime("us-east-1", "", no_credentials)
    runtime.client(is_https=False, gbps=1)
    runtime.signing_config("eu-west-1")
    left = weakref.ref(runtime)
    del runtime
    gc.collect()
    assert left() is None
