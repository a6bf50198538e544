"""Empties one bucket as `s3copy teardown` does; a whole teardown needs more of AWS than the fixed-answer server has."""

from __future__ import annotations

import os
import sys

from s3copy_cli.aws import ConnectionOptions, connect
from s3copy_cli.s3 import Bucket, open_store
from s3copy_cli.transfer.empty_bucket import empty_bucket

from .population import population


def main() -> None:
    """`empty_ours URL BUCKET`; ends with 1 if anything is left."""
    url, bucket = sys.argv[1:]
    aws = connect(ConnectionOptions(endpoint_url=url), os.environ)
    report = empty_bucket(open_store(aws), Bucket(bucket, "000000000000"), lambda _: None)
    expected = population(bucket)
    if not report.is_empty or expected is None or report.deleted_versions != expected.count:
        sys.exit(f"not everything was removed: {report}")


if __name__ == "__main__":
    main()
