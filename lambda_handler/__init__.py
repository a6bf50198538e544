"""The deployed function: it makes an object of the destination bucket equal to its source.

Uses the standard library and boto3 only (of it botocore, which makes boto3's clients), so that its package needs
nothing installed.
"""
