"""Options of Java's drivers, and what they are to the drivers that are used here."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import URL

# Options of libpq that Java's driver spells the same.
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "application_name", "target_session_attrs")
_SERVER_TYPES = {
    "any": "any",
    "primary": "primary",
    "master": "primary",
    "secondary": "standby",
    "slave": "standby",
    "preferSecondary": "prefer-standby",
    "preferSlave": "prefer-standby",
    "preferPrimary": "any",
}
_SSL_MODES = {
    "DISABLED": "disabled",
    "PREFERRED": "preferred",
    "REQUIRED": "required",
    "VERIFY_CA": "verify_ca",
    "VERIFY_IDENTITY": "verify_identity",
    # MariaDB's driver has words of its own.
    "DISABLE": "disabled",
    "TRUST": "required",
    "VERIFY-CA": "verify_ca",
    "VERIFY-FULL": "verify_identity",
}
SSL_MODE, SSL_CA, SESSION, ZERO_DATES, TINYINT = (
    "ssl_mode",
    "server_ssl_cert",
    "session_variables",
    "zero_dates",
    "tinyint1",
)
"""Options in a URL of MySQL's that are no arguments of its driver."""
_OWN = (SSL_MODE, SSL_CA, SESSION, ZERO_DATES, TINYINT)


def translated(backend: str, options: Mapping[str, str]) -> tuple[dict[str, str], Sequence[str]]:
    """Options of a URL here, and the names of those that mean nothing here.

    Args:
        backend: kind of database, as SQLAlchemy names it.
        options: those of Java's driver.

    Raises:
        ValueError: a value is not one that the option has.
    """
    left = dict(options)
    found: dict[str, str] = {}
    if backend == "postgresql":
        found = _postgresql(left)
    elif backend in ("mysql", "mariadb"):
        found = _mysql(left)
    return found, sorted(left)


def _postgresql(left: dict[str, str]) -> dict[str, str]:
    found = {name: left.pop(name) for name in _LIBPQ if name in left}
    if "ApplicationName" in left:
        found["application_name"] = left.pop("ApplicationName")
    if "targetServerType" in left:
        found["target_session_attrs"] = _one_of("targetServerType", _SERVER_TYPES, left.pop("targetServerType"))
    if left.pop("ssl", "").lower() == "true":
        found.setdefault("sslmode", "verify-full" if "sslrootcert" in found else "require")
    settings = [left.pop("options")] if "options" in left else []
    if "currentSchema" in left:
        # Blanks and backslashes part options from each other, unless escaped.
        path = left.pop("currentSchema").replace("\\", "\\\\").replace(" ", "\\ ")
        settings.append(f"-c search_path={path}")
    return {**found, "options": " ".join(settings)} if settings else found


def _mysql(left: dict[str, str]) -> dict[str, str]:
    found = {}
    mode = left.pop("sslMode", None)
    use = left.pop("useSSL", None) or left.pop("useSsl", None)
    required, verified = left.pop("requireSSL", ""), left.pop("verifyServerCertificate", "")
    trusted = left.pop("trustServerCertificate", "")
    if mode is not None:
        found[SSL_MODE] = _one_of("sslMode", _SSL_MODES, mode.upper())
    elif use is not None and use.lower() != "true":
        found[SSL_MODE] = "disabled"
    elif use is not None:
        proven = verified.lower() == "true" and trusted.lower() != "true"
        found[SSL_MODE] = "verify_ca" if proven else "required" if required.lower() == "true" else "preferred"
    if "serverSslCert" in left:
        found[SSL_CA] = left.pop("serverSslCert")
    if "sessionVariables" in left:
        found[SESSION] = left.pop("sessionVariables")
    if left.get("zeroDateTimeBehavior", "").replace("_", "").lower() == "converttonull":
        found[ZERO_DATES] = left.pop("zeroDateTimeBehavior")
    if left.get("tinyInt1isBit", "").lower() == "false":
        found[TINYINT] = left.pop("tinyInt1isBit")
    return found


def _one_of(name: str, known: Mapping[str, str], value: str) -> str:
    if value not in known:
        raise ValueError(f"{name}={value} is not known: use one of {', '.join(known)}")
    return known[value]


def mysql_arguments(url: URL, *, reads: bool) -> tuple[URL, dict[str, Any]]:
    """A URL of MySQL's without what is no argument of the driver, and what these options are to it.

    Args:
        url: as a configuration names it.
        reads: whether nothing is written over the connection.
    """
    options = {name: str(url.query[name]) for name in _OWN if name in url.query}
    variables = ["time_zone = '+00:00'"]
    if reads:
        # Else nothing can be compared with a date that is none, such as 0000-00-00.
        variables.append("sql_mode = REPLACE(REPLACE(@@sql_mode, 'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', '')")
    if SESSION in options:
        variables.append(options[SESSION])
    arguments: dict[str, Any] = {"init_command": f"SET {', '.join(variables)}"}
    mode = options.get(SSL_MODE, "preferred")
    if mode == "disabled":
        arguments["ssl_disabled"] = True
    elif mode != "preferred":
        context = ssl.create_default_context(cafile=options.get(SSL_CA))
        context.check_hostname = mode == "verify_identity"
        context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify") else ssl.CERT_NONE
        arguments["ssl"] = context
    if ZERO_DATES in options:
        arguments["conv"] = _without_zero_dates()
    return url.difference_update_query(options), arguments


def _without_zero_dates() -> Mapping[Any, Callable[..., Any]]:
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    def nothing_for_none(convert: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda text: None if text.startswith("0000-00-00") else convert(text)

    kinds = (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP)
    return {**conversions, **{kind: nothing_for_none(conversions[kind]) for kind in kinds if kind in conversions}}
