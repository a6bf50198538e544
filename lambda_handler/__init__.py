"""The deployed function: it makes an object of the destination bucket equal to its source.

Uses the standard library and boto3 only, so that its package needs nothing installed.
"""
