#!/bin/sh
# The whole life of a pipeline on the embedded AWS, in a state folder of its own: nothing of yours is touched.
set -eu
cd "$(dirname "$0")/.."

S3COPY_LOCAL=1
S3COPY_LOCAL_STATE_DIR="$PWD/.demo"
export S3COPY_LOCAL S3COPY_LOCAL_STATE_DIR
unset S3COPY_NAME S3COPY_PROFILE S3COPY_REGION S3COPY_ENDPOINT_URL S3COPY_JSON S3COPY_QUIET S3COPY_LOCAL_PORT

clean_up() {
    s3copy local reset --yes --quiet >/dev/null 2>&1 || true
    rm -rf "$S3COPY_LOCAL_STATE_DIR"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

run() {
    printf '\n$ s3copy %s\n' "$*"
    s3copy "$@"
}

clean_up
run setup
run upload sample.csv --wait
run verify
run teardown --yes
printf '\nDemo finished: the copy of sample.csv was proved, and everything is removed again.\n'
