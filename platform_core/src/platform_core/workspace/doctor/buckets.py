"""Whether the buckets of a deployment answer, and how far a key reaches."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from platform_core.deployment.file import Credential, DeploymentError, Lakes
from platform_core.diagnostics import Diagnostic
from platform_core.extras import missing
from platform_core.words import shortened
from platform_core.workspace.doctor.servers import TIMEOUT, Clock, answered, skew


def object_store(lakes: Lakes, clock: Clock) -> Iterator[Diagnostic]:
    """E080 without an answer, E085 for its clock."""
    endpoint = lakes.endpoint or f"https://s3.{lakes.region}.amazonaws.com"
    _, headers = answered(endpoint, "the object store", lakes.place)
    if date := headers["Date"]:
        yield from skew("the object store", parsedate_to_datetime(date).timestamp(), lakes.place, clock)


def own_bucket(lakes: Lakes, lake: str, credential: Credential) -> Iterator[Diagnostic]:
    """E086 for a bucket that is missing, E087 for a refused key, E088 for one that needs no key."""
    bucket, refused = lakes.bucket(lake), _refusal(lakes, lake, credential)
    if refused is not None and "NoSuchBucket" in refused:
        fix = f"Create it: `mesh grant plan` shows the policies of {bucket}."
        raise DeploymentError.of("E086", f"the bucket {bucket} does not exist", lakes.place, fix=fix)
    if refused is not None:
        message = f"the object store refuses {bucket} to the key {credential.key}: {shortened(refused, 200)}"
        fix = "Correct key and secret, or the policy of the key."
        raise DeploymentError.of("E087", message, credential.place, "the key of the bucket's owner", fix)
    if _refusal(lakes, lake, None) is None:
        message = f"the bucket {bucket} can be listed without a key"
        yield Diagnostic("E088", message, lakes.place, "keys alone", "Refuse anonymous access.")


def other_bucket(lakes: Lakes, lake: str, credential: Credential) -> Iterator[Diagnostic]:
    """E088 for a key that may list the bucket of another domain."""
    if _refusal(lakes, lake, credential) is None:
        message = f"the key {credential.key} may list the bucket {lakes.bucket(lake)} of another domain"
        fix = "Narrow the policy of the key: `mesh grant plan` prints what it needs."
        yield Diagnostic("E088", message, credential.place, "the prefixes of granted products", fix)


def _refusal(lakes: Lakes, lake: str, credential: Credential | None) -> str | None:
    """Why a bucket cannot be listed, None if it can; without credentials as anybody."""
    try:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ModuleNotFoundError as error:
        raise missing(error) from None
    known: dict[str, Any] = {"skip_signature": True, "endpoint": lakes.endpoint}
    if credential is not None:
        known |= {"skip_signature": False, "access_key_id": credential.key}
        known |= {"secret_access_key": credential.text("secret")}
        known |= {"session_token": credential.text("session_token")}
    known |= {"client_options": {"allow_http": True, "timeout": f"{TIMEOUT}s"}}
    known = {name: value for name, value in known.items() if value is not None}
    store = S3Store(lakes.bucket(lake), region=lakes.region, retry_config={"max_retries": 0}, **known)
    try:
        next(iter(obstore.list(store, chunk_size=1)), None)
    except BaseError as error:
        return " ".join(str(error).split())
    return None
