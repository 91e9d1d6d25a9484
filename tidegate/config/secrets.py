"""Secrets in connector configurations: sealed where they are stored, opened only where they are used.

References follow Kafka Connect's config providers (KIP-297, KIP-421, KIP-887; see
:mod:`tidegate.config.providers`): ``${env:NAME}``, ``${file:/path/to.properties:key}``, ``${vault:mount/path:key}``.
``${sealed:...}`` is a literal secret, encrypted with the cluster's key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tidegate.config.providers.plugins import ConfigProviders
from tidegate.config.providers.provider import UnresolvedError
from tidegate.config.redaction import HIDDEN, Redaction
from tidegate.errors import ConfigError, ConfigProblem

_SEALED = "${sealed:"
_REFERENCE = re.compile(r"\$\{(?P<provider>[A-Za-z][A-Za-z0-9_-]*):(?:(?P<path>[^}]*):)?(?P<key>[^:}]*)\}")


def make_key() -> str:
    """A new key for the setting ``secret_key``."""
    return Fernet.generate_key().decode()


class SecretBox:
    """Seals and opens text with the cluster's key: authenticated encryption (Fernet).

    Args:
        keys: the setting ``secret_key``: one key or several separated by commas, of which the first seals and all
            open; None for a service without one, which then refuses to seal and to open.

    Raises:
        ValueError: a key is malformed.
    """

    def __init__(self, keys: str | None) -> None:
        self._fernet = _fernet(keys) if keys else None

    @staticmethod
    def check(keys: str | None) -> None:
        """Raises ValueError when ``keys`` holds a malformed key."""
        if keys:
            _fernet(keys)

    def seal(self, secret: str) -> str:
        """``${sealed:...}``, which holds ``secret`` for owners of the key.

        Raises:
            ConfigError: there is no key.
        """
        return f"{_SEALED}{self._required('store').encrypt(secret.encode()).decode()}}}"

    def open(self, sealed: str) -> str:
        """What was sealed.

        Raises:
            ConfigError: there is no key, it is another one, or the text was tampered with.
        """
        try:
            return self._required("open").decrypt(sealed[len(_SEALED) : -1].encode()).decode()
        except InvalidToken:
            raise _secret_key_error(
                "does not open a secret in a connector's configuration: it was sealed with another key. "
                "Give every coordinator and worker the same secret_key, or set the secret anew."
            ) from None

    def _required(self, verb: str) -> MultiFernet:
        if self._fernet is None:
            raise _secret_key_error(
                f"is not set, so this service can not {verb} a literal secret of a connector's configuration. "
                "Make a key with `tidegate secret-key` and give it to every coordinator and worker as "
                "TIDEGATE_SECRET_KEY, or write the secret as a reference such as ${env:NAME} or ${file:/path:key}."
            )
        return self._fernet


def is_reference(value: str) -> bool:
    """Whether ``value`` consists of nothing but ``${provider:...}`` references, so that it shows no secret."""
    return bool(value) and not _REFERENCE.sub("", value) and not is_sealed(value)


def mentions_reference(value: str) -> bool:
    """Whether ``value`` holds a ``${provider:...}`` reference, so that the whole of it is not known here."""
    return bool(_REFERENCE.search(value))


def is_sealed(value: str) -> bool:
    """Whether ``value`` is what :meth:`SecretBox.seal` returns."""
    return value.startswith(_SEALED) and value.endswith("}")


def seal_secrets(config: Mapping[str, str], password_keys: Collection[str], box: SecretBox) -> dict[str, str]:
    """The configuration as it may be stored: literal values of password keys sealed, all else as given.

    Args:
        config: as the user gave it.
        password_keys: names of the keys that hold secrets.
        box: seals.

    Raises:
        ConfigError: a secret is given literally and there is no key; names every such key.
    """
    stored: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for key, value in config.items():
        stored[key] = value
        if key in password_keys and value and not is_reference(value) and not is_sealed(value):
            try:
                stored[key] = box.seal(value)
            except ConfigError as error:
                problems.extend(ConfigProblem(key, f"secret_key {each.message}") for each in error.problems)
    if problems:
        raise ConfigError(problems)
    return stored


def hide_secrets(config: Mapping[str, str], password_keys: Collection[str]) -> dict[str, str]:
    """The configuration as it may be shown: password values other than references are ``[hidden]``."""
    return {
        key: HIDDEN if is_sealed(value) or (key in password_keys and not is_reference(value)) else value
        for key, value in config.items()
    }


def resolve(
    config: Mapping[str, str],
    box: SecretBox,
    providers: Mapping[str, str] | None = None,
    redaction: Redaction | None = None,
) -> dict[str, str]:
    """The configuration with every reference replaced by what it refers to, on this machine, now.

    Args:
        config: as stored.
        box: opens what is sealed.
        providers: the worker's setting ``config_providers``.
        redaction: is told of every value that was looked up or opened.

    Raises:
        ConfigError: all that can not be resolved, each with its key; no secrets.
        RetriableError: a system that holds secrets is away.
    """
    problems: list[ConfigProblem] = []
    opened: dict[str, str] = {}
    for key, value in config.items():
        try:
            opened[key] = box.open(value) if is_sealed(value) else value
        except ConfigError as error:
            problems.extend(ConfigProblem(key, f"{each.key} {each.message}") for each in error.problems)
    with ConfigProviders(providers) as found:
        looked_up = _look_up(found, opened.values())
    if redaction is not None:
        for key, value in opened.items():
            if value != config[key]:
                redaction.add(value)
        for reference, outcome in looked_up.items():
            if isinstance(outcome, str):
                redaction.add(outcome, reference)
    resolved = dict(opened)
    for key, value in opened.items():
        missing = [
            outcome for each in _REFERENCE.finditer(value) if isinstance(outcome := looked_up[each[0]], _Missing)
        ]
        problems.extend(ConfigProblem(key, each.message) for each in missing)
        if not missing:
            resolved[key] = _REFERENCE.sub(lambda each: str(looked_up[each[0]]), value)
    if problems:
        order = list(config)
        raise ConfigError(sorted(problems, key=lambda each: order.index(each.key)))
    return resolved


@dataclass(frozen=True)
class _Missing:
    """Why a reference leads nowhere."""

    message: str


def _look_up(providers: ConfigProviders, values: Iterable[str]) -> dict[str, str | _Missing]:
    """Every reference with its value: each path is asked for once."""
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    for value in values:
        for each in _REFERENCE.finditer(value):
            wanted.setdefault((each["provider"], each["path"] or ""), {})[each[0]] = each["key"]
    found: dict[str, str | _Missing] = {}
    for (name, path), references in wanted.items():
        try:
            provider = providers.find(name)
            given = provider.get(path, set(references.values()))
        except UnresolvedError as error:
            found.update({reference: _Missing(f"{reference}: provider {name!r} {error}") for reference in references})
            continue
        for reference, key in references.items():
            found[reference] = (
                given[key]
                if key in given
                else _Missing(f"{reference}: provider {name!r}: {provider.missing(path, key)}")
            )
    return found


def _fernet(keys: str) -> MultiFernet:
    parsed = []
    for key in keys.split(","):
        try:
            parsed.append(Fernet(key.strip()))
        except ValueError:
            raise ValueError(
                "secret_key is not 32 bytes in URL-safe base64. Make a key with `tidegate secret-key`."
            ) from None
    return MultiFernet(parsed)


def _secret_key_error(message: str) -> ConfigError:
    return ConfigError([ConfigProblem("secret_key", message)])
