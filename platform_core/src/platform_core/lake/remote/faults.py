"""Errors of Postgres and of the object store as diagnostics. No message has a secret."""

from __future__ import annotations

import re
from typing import Final

from platform_core.deployment.model import Lakes
from platform_core.deployment.principal import principal
from platform_core.diagnostics import LakeError
from platform_core.words import shortened

_REFUSED: Final = re.compile(
    r"password authentication failed|no password supplied|role \"[^\"]*\" does not exist"
    r"|not permitted to log in|no pg_hba.conf entry|permission denied for database",
    re.I,
)
_NOT_GRANTED: Final = re.compile(r"permission denied for (schema|table|view|relation)|must be owner", re.I)
_AWAY: Final = re.compile(
    r"connection to server|could not (connect|translate host)|unable to connect to postgres"
    r"|server closed the conn|terminating connection|connection (refused|timed out|reset)"
    r"|the database system is|no connection to the"
    r"|connection already closed|SSL connection has been closed|failed to prepare|could not receive data",
    re.I,
)
_BUSY: Final = re.compile(r"due to lock timeout|tuple concurrently updated|deadlock detected", re.I)
_NO_KEY: Final = re.compile(
    r"HTTP 40[13]\b|forbidden|access ?denied|SignatureDoesNotMatch|InvalidAccessKey", re.I
)
_NO_BUCKET: Final = re.compile(r"NoSuchBucket|bucket does not exist|HTTP 404", re.I)
_PATH: Final = re.compile(r"[^\s<>]*/[^\s<>]*")
"""Addresses and names of objects, which may have the words of an error."""
_STORE_AWAY: Final = re.compile(
    r"could not establish connection|connection error for|error sending request|HTTP 5\d\d"
    r"|after \d+ retries|operation timed out|http error",
    re.I,
)


def postgres_fault(text: str, lakes: Lakes, lake: str) -> LakeError | None:
    """The diagnostic for an error of Postgres; None for another one."""
    user, server = principal(), f"{lakes.catalogs.address}/{lakes.catalogs.name}"
    place, reason = lakes.catalogs.address.place, _reason(text)
    if _REFUSED.search(text):
        credential = lakes.credentials.get(user)
        message = f"the database {server} refuses the credentials of {user}: {reason}"
        fix = "Correct the secret, or run `mesh grant apply` as admin."
        where = credential.place if credential is not None else place
        return LakeError.of("E011", message, where, "a role that may log in, and its password", fix)
    if _BUSY.search(text):
        message = f"another session of {server} is in the way: {reason}"
        fix = "Call again. `SELECT * FROM pg_stat_activity` shows sessions with an open transaction."
        return LakeError.of("E018", message, place, "no other `mesh grant apply`, no open transaction", fix)
    if _NOT_GRANTED.search(text):
        message = f"{user} may not do that in {f'the lake {lake}' if lake else server}: {reason}"
        fix = "`mesh grant plan` shows what is granted by the contracts; `mesh grant apply` applies it."
        return LakeError.of("E012", message, None, "rights that the contracts grant", fix)
    if _AWAY.search(text):
        message = f"the database {server} cannot be reached: {reason}"
        fix = "Start it, or correct the deployment file. `mesh doctor` checks every part."
        return LakeError.of("E010", message, place, "a Postgres server that answers", fix)
    return None


def store_fault(text: str, lakes: Lakes, lake: str) -> LakeError | None:
    """The diagnostic for an error of the object store; None for another one."""
    bucket, store = lakes.bucket(lake), lakes.endpoint or f"AWS in {lakes.region}"
    reason = _reason(text)
    text = _PATH.sub(" ", text)
    if _NO_BUCKET.search(text):
        message = f"the bucket {bucket} of {store} is missing: {reason}"
        fix = f"Create it; `mesh grant plan` prints its policies. Or correct buckets: {lakes.buckets}."
        return LakeError.of("E013", message, lakes.place, "a bucket per lake", fix)
    if _NO_KEY.search(text):
        message = f"the object store {store} refuses the key of {principal()} for {bucket}: {reason}"
        fix = "Correct the key, or put the policy of `mesh grant plan` on it."
        return LakeError.of("E014", message, lakes.place, "a key with the rights of its principal", fix)
    if _STORE_AWAY.search(text):
        message = f"the object store {store} cannot be reached: {reason}"
        fix = "Start it, or correct the deployment file. `mesh doctor` checks every part."
        return LakeError.of("E013", message, lakes.place, "an object store that answers", fix)
    return None


def not_made(lakes: Lakes, lake: str, where: str) -> LakeError:
    """E015: nobody made the lake yet, or nothing of it is granted."""
    message = f'the lake "{lake}" does not exist for {principal()}: {where}'
    fix = "Run `mesh grant apply` as admin, which makes the lakes of all domains."
    return LakeError.of("E015", message, lakes.place, "a lake that was made once", fix)


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    words = re.sub(r"(?i)(password|secret\w*)=\S+", r"\1=...", " ".join(lines[:2]))
    return shortened(words, 240)
