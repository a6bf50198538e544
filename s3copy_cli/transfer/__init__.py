"""Moving bytes: what goes into the source bucket, and what is taken out of buckets for good."""
