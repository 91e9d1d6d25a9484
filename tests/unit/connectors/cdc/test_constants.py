"""Constants in PostgreSQL's text of default expressions."""

from __future__ import annotations

import pytest

from tidegate.connectors.postgres_cdc.constants import constant_text


@pytest.mark.parametrize(
    ("expression", "type_name", "text"),
    [
        ("0", "int4", "0"),
        ("'-1'::integer", "int4", "-1"),
        ("(-1)", "int4", "-1"),
        ("1.50", "numeric", "1.50"),
        ("true", "bool", "t"),
        ("false", "bool", "f"),
        ("true", "text", "true"),
        ("'it''s'::character varying", "varchar", "it's"),
        ("''::text", "text", ""),
        ('\'a\'::"my schema"."my""type"', "mood", "a"),
        ("'{}'::text[]", "_text", "{}"),
        ("ARRAY[]::text[]", "_text", "{}"),
        ("ARRAY[]::integer[]", "_int4", "{}"),
        ("B'101'::\"bit\"", "bit", "101"),
        ("'2020-01-01 00:00:00+00'::timestamp with time zone", "timestamptz", "2020-01-01 00:00:00+00"),
        ("'2020-01-01'::date", "timestamptz", None),
        ("'2020-01-01 00:00:00'::timestamp without time zone", "timestamp", "2020-01-01 00:00:00"),
        ("NULL::character varying", "varchar", None),
        ("now()", "timestamptz", None),
        ("CURRENT_DATE", "date", None),
        ("nextval('s'::regclass)", "int8", None),
        ("('now'::text)::date", "date", None),
        ("'a'::text || 'b'::text", "text", None),
        ("(1 + 1)", "int4", None),
        ("'x'::text COLLATE \"C\"", "text", None),
    ],
)
def test_a_default(expression: str, type_name: str, text: str | None) -> None:
    assert constant_text(expression, type_name) == text
