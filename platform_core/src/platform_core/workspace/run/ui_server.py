"""The UI of a deployment as `mesh run` asks it: GraphQL, without credentials of the database."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

from platform_core.deployment.model import Deployment, DeploymentError
from platform_core.diagnostics import Place
from platform_core.secrets import secret_text

PAUSE: Final = 1.0
"""Seconds between two questions."""
TIMEOUT: Final = 60.0
_TIRES: Final = 20
"""The failures of a query although the server answers: a lost connection to its database causes one."""


@dataclass(frozen=True, slots=True)
class UiServer:
    """``patience`` are the seconds that it may be away."""

    url: str
    place: Place
    patience: float
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, deployment: Deployment | None) -> UiServer | None:
        """The server that launches the runs of a deployment; None if `mesh run` does it. Raises E002."""
        access, servers = (deployment.access, deployment.servers) if deployment else (None, None)
        url = access.url if access else None
        if url is None and servers is not None and servers.ui is not None:
            url = f"http://{servers.ui}"
        if deployment is None or url is None:
            return None
        token = secret_text(access.token) if access and access.token else None
        return cls(url, Place(deployment.path), servers.patience if servers else 600, token)

    def ask(self, question: str, stopped: Callable[[], bool] = lambda: False, **variables: Any) -> Any:
        """The answer to a question of ``questions.graphql``, which is repeated while the server is away.
        Raises DeploymentError: E034 if it stays away, E035 if it refuses the question."""
        until, tired = time.monotonic() + self.patience, 0
        while True:
            try:
                return self.ask_once(question, **variables)
            except DeploymentError:
                raise
            except (OSError, HTTPException, ValueError) as error:
                tired += isinstance(error, HTTPError | ValueError)
                if stopped() or time.monotonic() > until or tired > _TIRES:
                    message = f"the UI at {self.url} does not answer: {error}"
                    expected, fix = "Dagster's UI of the deployment", "Start it, or correct access.url."
                    raise DeploymentError.of("E034", message, self.place, expected, fix) from None
                time.sleep(PAUSE)

    def ask_once(self, question: str, **variables: Any) -> Any:
        """The same without repetition: raises OSError, HTTPException and ValueError too."""
        body = json.dumps({"query": _questions()[question], "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = self.token
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except HTTPError as error:
            if error.code >= 500:
                raise
            message = f"the UI at {self.url} refuses a query with status {error.code}: {_reason(error)}"
            fix = "Correct access.url, and access.token for the proxy."
            raise DeploymentError.of("E035", message, self.place, "an answer to GraphQL", fix) from None
        if errors := answer.get("errors"):
            raise ValueError(errors[0].get("message", "no message"))
        return answer["data"]


def _reason(error: HTTPError) -> str:
    text = error.read(2000).decode(errors="replace").strip()
    try:
        return str(json.loads(text)["errors"][0]["message"]).strip()
    except (ValueError, LookupError, TypeError):  # of the proxy
        return text[:300]


@cache
def _questions() -> dict[str, str]:
    """Each alone: the gate of the UI judges a request by every operation in it."""
    texts = Path(__file__).with_name("questions.graphql").read_text(encoding="utf-8").split("\n\n")[1:]
    return {text.partition("(")[0].split()[1]: text for text in texts}
