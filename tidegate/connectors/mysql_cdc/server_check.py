"""Whether a server is set up so that its changes can be captured."""

from __future__ import annotations

from tidegate.connectors.mysql_cdc.catalogue import Catalogue
from tidegate.errors import ConfigProblem, TidegateError


def server_problems(catalogue: Catalogue) -> list[ConfigProblem]:
    """What has to be changed on the server, or granted, before anything can be captured.

    Raises:
        TidegateError: the server does not answer.
    """
    session = catalogue.session
    if (session.variable("log_bin") or "").upper() not in ("ON", "1"):
        return [
            ConfigProblem(
                "database.hostname", "the server writes no binary log: set log_bin in its configuration and restart it"
            )
        ]
    problems = []
    form = (session.variable("binlog_format") or "ROW").upper()
    if form != "ROW":
        problems.append(
            ConfigProblem("database.hostname", f"the server has binlog_format={form}: set binlog_format=ROW")
        )
    if "PARTIAL_JSON" in (session.variable("binlog_row_value_options") or "").upper():
        problems.append(
            ConfigProblem(
                "database.hostname",
                "the server has binlog_row_value_options=PARTIAL_JSON: set it to nothing, so that documents are whole",
            )
        )
    try:
        catalogue.log_end()
    except TidegateError as error:
        problems.append(ConfigProblem("database.user", str(error)))
    return problems
