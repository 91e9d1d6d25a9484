"""``${vault:mount/path:key}``: secrets of a server that speaks the HTTP API of HashiCorp Vault's KV engine, version 2.

Source: "KV secrets engine - version 2 (API)" of Vault's documentation, section "Read secret version".
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tidegate.backoff import backoff
from tidegate.config.providers.provider import ConfigProvider, UnresolvedError
from tidegate.errors import RetriableError

_PASSING = frozenset({412, 429, 500, 502, 503, 504})
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class VaultConfigProvider(ConfigProvider):
    """Reads the newest version of a secret.

    Keys: ``address`` (default: VAULT_ADDR of the worker), ``token.file`` (default: VAULT_TOKEN_FILE; else the variable
    VAULT_TOKEN), ``namespace`` (default: VAULT_NAMESPACE), ``ca.file`` (default: VAULT_CACERT), ``request.timeout.ms``
    (one request, 5000), ``retry.timeout.ms`` (all attempts for a path, 15000). The token is read anew for each path,
    so that an agent may renew it.
    """

    def __init__(self) -> None:
        self._config: Mapping[str, str] = {}
        self._client: httpx.Client | None = None

    def configure(self, config: Mapping[str, str]) -> None:
        """See the base class."""
        self._config = dict(config)
        self._budget = self._seconds("retry.timeout.ms", 15_000)

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """See the base class."""
        answer = self._read(self._url(path), path)
        data = answer.get("data", {}).get("data") if isinstance(answer.get("data"), dict) else None
        if not isinstance(data, dict):
            raise UnresolvedError(f"what is at {path!r} is no secret of a KV engine, version 2.")
        return {key: str(data[key]) for key in keys if data.get(key) is not None}

    def close(self) -> None:
        """See the base class."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _url(self, path: str) -> str:
        address = self._config.get("address") or os.environ.get("VAULT_ADDR", "")
        if not address.startswith(("http://", "https://")):
            raise UnresolvedError(
                "needs the server's address. Set VAULT_ADDR, or vault.param.address in config_providers, on every "
                "worker."
            )
        mount, _, rest = path.strip("/").partition("/")
        if not mount or not rest:
            raise UnresolvedError(f"{path!r} is no path of a secret. Write mount/path, as in secret/orders.")
        return f"{address.rstrip('/')}/v1/{quote(mount)}/data/{quote(rest)}"

    def _headers(self) -> dict[str, str]:
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        namespace = self._config.get("namespace") or os.environ.get("VAULT_NAMESPACE")
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        return headers

    def _token(self) -> str:
        file = self._config.get("token.file") or os.environ.get("VAULT_TOKEN_FILE")
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise UnresolvedError(f"the token file {file} can not be read: {error.strerror}.") from None
        token = os.environ.get("VAULT_TOKEN", "").strip()
        if not token:
            raise UnresolvedError("needs a token. Set VAULT_TOKEN_FILE or VAULT_TOKEN on every worker.")
        return token

    def _read(self, url: str, path: str) -> dict[str, Any]:
        give_up = time.monotonic() + self._budget
        failures = 0
        while True:
            try:
                return self._once(url, path)
            except RetriableError:
                failures += 1
                wait = backoff(failures, _FIRST_PAUSE, _LONGEST_PAUSE)
                if time.monotonic() + wait >= give_up:
                    raise
                time.sleep(wait)

    def _once(self, url: str, path: str) -> dict[str, Any]:
        if self._client is None:
            verify: Any = self._config.get("ca.file") or os.environ.get("VAULT_CACERT") or True
            self._client = httpx.Client(timeout=self._seconds("request.timeout.ms", 5_000), verify=verify)
        try:
            answer = self._client.get(url, headers=self._headers())
        except httpx.HTTPError as error:
            raise RetriableError(
                f"the secrets server does not answer for {path!r}: {type(error).__name__}.",
                remedy="Check its address and that it runs and is unsealed.",
            ) from None
        # What the server says beyond its status is not repeated: it may hold what nobody should read.
        match answer.status_code:
            case 200:
                content = answer.json()
                return content if isinstance(content, dict) else {}
            case 404:
                raise UnresolvedError(f"there is no secret at {path!r}. Write it there, or correct the path.")
            case 401 | 403:
                raise UnresolvedError(f"the token may not read {path!r}. Renew it, or give its policy that path.")
            case code if code in _PASSING:
                raise RetriableError(
                    f"the secrets server answers {code} for {path!r}.", remedy="Check that it runs and is unsealed."
                )
            case code:
                raise UnresolvedError(f"the secrets server answers {code} for {path!r}. Check address and path.")

    def _seconds(self, key: str, default: int) -> float:
        text = self._config.get(key, str(default))
        if not text.isdecimal():
            raise UnresolvedError(f"{key}: {text!r} is not a number of milliseconds.")
        return int(text) / 1000
