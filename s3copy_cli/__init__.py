"""s3copy: build, prove, explain and remove an event-driven S3 copy pipeline."""

__version__ = "0.1.0"
