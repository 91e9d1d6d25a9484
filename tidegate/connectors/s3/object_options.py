"""What is asked of S3 for every object: encryption and access rights."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from tidegate.sdk.config_def import Config

CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "log-delivery-write",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "aws-exec-read",
)
ENCRYPTIONS = ("AES256", "aws:kms")

_MADE = ("PutObject", "CreateMultipartUpload")
_TOUCHED = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject", "HeadObject")


def request_parameters(config: Config) -> Mapping[str, Mapping[str, str]]:
    """Parameters to add to requests, by S3 operation.

    Args:
        config: the sink's configuration.
    """
    made: dict[str, str] = {}
    if config["s3.acl.canned"]:
        made["ACL"] = config["s3.acl.canned"]
    if config["s3.ssea.name"]:
        made["ServerSideEncryption"] = config["s3.ssea.name"]
    if config["s3.sse.kms.key.id"]:
        made["SSEKMSKeyId"] = config["s3.sse.kms.key.id"]
    touched = _customer_key(config["s3.sse.customer.key"]) if config["s3.sse.customer.key"] else {}
    found: dict[str, dict[str, str]] = {operation: dict(touched) for operation in _TOUCHED}
    for operation in _MADE:
        found[operation].update(made)
    return {operation: parameters for operation, parameters in found.items() if parameters}


def customer_key_problem(text: Any) -> str | None:
    """What is wrong with a customer's key."""
    try:
        size = len(base64.b64decode(str(text), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    return None if text is None or size == 32 else "is not a key: give 32 bytes as base64"


def _customer_key(text: str) -> dict[str, str]:
    key = base64.b64decode(text)
    # botocore works out the digest only for what it is given itself.
    digest = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": text, "SSECustomerKeyMD5": digest}
