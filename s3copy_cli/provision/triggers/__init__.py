"""What starts the function: S3 itself, a queue in between, or EventBridge. docs/triggers.md."""
