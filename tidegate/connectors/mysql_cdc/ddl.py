"""What statements change about tables: only what rows in the log depend on.

Columns with their types, names, places and constant defaults, primary keys and unique indexes, character sets, names of
tables. Everything else that a statement may say is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.default_text import default_text
from tidegate.connectors.mysql_cdc.sql_tokens import Kind, Token, tokens
from tidegate.connectors.mysql_cdc.statement_time import StatementTime

_PRIMARY = "PRIMARY"
_SYNONYMS = {
    "integer": "int",
    "int1": "tinyint",
    "int2": "smallint",
    "int3": "mediumint",
    "middleint": "mediumint",
    "int4": "int",
    "int8": "bigint",
    "dec": "decimal",
    "numeric": "decimal",
    "fixed": "decimal",
    "number": "decimal",
    "real": "double",
    "float4": "float",
    "float8": "double",
    "character": "char",
    "nchar": "char",
    "nvarchar": "varchar",
    "varcharacter": "varchar",
    "varchar2": "varchar",
    "raw": "varbinary",
    "clob": "longtext",
    "geomcollection": "geometrycollection",
}
_AS_BINARY = {
    "char": "binary",
    "varchar": "varbinary",
    "tinytext": "tinyblob",
    "text": "blob",
    "mediumtext": "mediumblob",
}
_AS_BINARY["longtext"] = "longblob"
_NOW = frozenset({"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"})
_TEXT_DEFAULTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})


class DdlError(ValueError):
    """A statement about a table that could not be followed."""


@dataclass(frozen=True, slots=True)
class Context:
    """How a statement was run.

    Args:
        database: for names without one.
        ansi_quotes: ``sql_mode`` has ANSI_QUOTES.
        backslashes: ``sql_mode`` has not NO_BACKSLASH_ESCAPES.
        charset_of: the default character set of a database.
        time: when; None where that does not matter.
    """

    database: str = ""
    ansi_quotes: bool = False
    backslashes: bool = True
    charset_of: Callable[[str], str | None] = lambda database: None
    time: StatementTime | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """A table is made.

    Args:
        definition: of the table; where ``like``, only its name counts.
        like: a table whose definition it has.
        unless_there: whether it is left as it is where there is one.
    """

    definition: TableDefinition
    like: TableId | None = None
    unless_there: bool = False


@dataclass(frozen=True, slots=True)
class Alter:
    """A table is changed."""

    table: TableId
    change: Callable[[TableDefinition], TableDefinition]


@dataclass(frozen=True, slots=True)
class Drop:
    """Tables are dropped."""

    tables: Sequence[TableId]


@dataclass(frozen=True, slots=True)
class Rename:
    """Tables get other names, one after the other."""

    pairs: Sequence[tuple[TableId, TableId]]


@dataclass(frozen=True, slots=True)
class Truncate:
    """A table is emptied."""

    table: TableId


@dataclass(frozen=True, slots=True)
class DatabaseChange:
    """A database is made or altered.

    Args:
        database: its name.
        charset: its default character set; None where that is not said.
    """

    database: str
    charset: str | None


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """A database is dropped."""

    database: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A statement about a table that could not be followed: what the table is like is not known any more.

    Args:
        table: which.
        reason: what was not understood.
    """

    table: TableId
    reason: str


Change = Create | Alter | Drop | Rename | Truncate | DatabaseChange | DropDatabase | Unknown


def changes(statement: str, context: Context) -> list[Change]:
    """What a statement changes; nothing for statements of other kinds."""
    found = tokens(statement, ansi_quotes=context.ansi_quotes, backslashes=context.backslashes)
    reader = _Reader(found, context)
    if reader.skip("SET", "STATEMENT"):
        while not reader.ended and not reader.skip("FOR"):
            reader.take()
    match reader.word():
        case "CREATE":
            return _create(reader)
        case "ALTER":
            return _alter(reader)
        case "DROP":
            return _drop(reader)
        case "RENAME":
            return _rename(reader)
        case "TRUNCATE":
            reader.skip("TABLE")
            return [Truncate(reader.table())]
    return []


class _Reader:
    """A statement, token by token."""

    def __init__(self, found: Sequence[Token], context: Context) -> None:
        self._tokens = found
        self._at = 0
        self.context = context

    @property
    def ended(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self, ahead: int = 0) -> Token:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else Token(Kind.SIGN, "")

    def take(self) -> Token:
        token = self.peek()
        self._at += 1
        return token

    def back(self) -> None:
        self._at -= 1

    def word(self) -> str:
        """The next word, in capitals; nothing where the next token is none."""
        word = self.peek().upper
        if word:
            self._at += 1
        return word

    def skip(self, *words: str) -> bool:
        """Passes words if they come next, all of them."""
        if all(self.peek(ahead).upper == word for ahead, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def sign(self, text: str) -> bool:
        """Passes a sign if it comes next."""
        token = self.peek()
        if token.kind is Kind.SIGN and token.text == text:
            self._at += 1
            return True
        return False

    def name(self) -> str:
        token = self.take()
        if token.kind not in (Kind.WORD, Kind.NAME) and not (token.kind is Kind.STRING and token.text):
            raise DdlError(f"a name is expected before {token.text!r}")
        return token.text

    def table(self) -> TableId:
        first = self.name()
        if self.sign("."):
            return TableId(first, self.name())
        return TableId(self.context.database, first)

    def parentheses(self) -> list[list[Token]]:
        """What stands in parentheses, in parts between commas."""
        if not self.sign("("):
            raise DdlError(f"a parenthesis is expected before {self.peek().text!r}")
        parts: list[list[Token]] = [[]]
        depth = 1
        while not self.ended:
            token = self.take()
            if token.kind is Kind.SIGN:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
                if depth == 0:
                    return parts if parts != [[]] else []
                if token.text == "," and depth == 1:
                    parts.append([])
                    continue
            parts[-1].append(token)
        raise DdlError("a parenthesis is not closed")

    def part(self) -> list[Token]:
        """Tokens up to the next comma outside parentheses, which is passed."""
        found: list[Token] = []
        depth = 0
        while not self.ended:
            token = self.take()
            if token.kind is Kind.SIGN:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
                if token.text == "," and depth == 0:
                    break
            found.append(token)
        return found

    def rest(self) -> list[Token]:
        found = list(self._tokens[self._at :])
        self._at = len(self._tokens)
        return found

    def literal(self) -> Token | None:
        """Passes what stands behind DEFAULT; a constant but for null, or None."""
        if self.peek().kind is Kind.SIGN and self.peek().text == "(":
            parts = self.parentheses()
            inner = self.of(parts[0]) if len(parts) == 1 else None
            found = None if inner is None else inner.literal()
            return found if inner is not None and inner.ended else None
        negative = self.sign("-")
        if not negative:
            self.sign("+")
        token = self.take()
        if token.kind is Kind.NUMBER:
            return replace(token, text=f"-{token.text}") if negative else token
        if token.kind is Kind.STRING:
            return token
        return token if token.upper in ("TRUE", "FALSE") or token.text[:2] in ("0x", "0b") else None

    def of(self, found: Sequence[Token]) -> _Reader:
        return _Reader(found, self.context)


# CREATE.


def _create(reader: _Reader) -> list[Change]:
    replaced = reader.skip("OR", "REPLACE")
    if reader.skip("TEMPORARY"):
        return []
    if reader.skip("DATABASE") or reader.skip("SCHEMA"):
        reader.skip("IF", "NOT", "EXISTS")
        database = reader.name()
        return [DatabaseChange(database, _charset_option(reader.rest()))]
    if reader.skip("TABLE"):
        unless_there = reader.skip("IF", "NOT", "EXISTS") and not replaced
        table = reader.table()
        try:
            return [_create_table(reader, table, unless_there=unless_there)]
        except DdlError as error:
            return [Unknown(table, str(error))]
    unique = reader.skip("UNIQUE")
    if reader.skip("INDEX") and unique:
        return _create_index(reader)
    return []


def _create_index(reader: _Reader) -> list[Change]:
    reader.skip("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.skip("USING"):
        reader.word()
    if not reader.skip("ON"):
        return []
    table = reader.table()
    columns = _index_columns(reader.parentheses())
    return [] if columns is None else [Alter(table, lambda definition: _with_unique(definition, name, columns))]


def _create_table(reader: _Reader, table: TableId, *, unless_there: bool) -> Create:
    if reader.skip("LIKE"):
        return Create(TableDefinition(table, ()), reader.table(), unless_there)
    if reader.peek().text == "(" and reader.peek(1).upper == "LIKE":
        (inner,) = reader.parentheses()
        return Create(TableDefinition(table, ()), reader.of(inner[1:]).table(), unless_there)
    parts = reader.parentheses()
    charset = _charset_option(reader.rest()) or reader.context.charset_of(table.schema)
    draft = TableDefinition(table, (), charset=charset)
    for part in parts:
        draft = _element(reader.of(part), draft)
    return Create(_required_key(draft), None, unless_there)


def _required_key(definition: TableDefinition) -> TableDefinition:
    key = set(definition.primary_key)
    columns = tuple(replace(one, nullable=False) if one.name in key else one for one in definition.columns)
    return replace(definition, columns=columns)


def _element(reader: _Reader, draft: TableDefinition, *, added: bool = False) -> TableDefinition:
    """A column, or an index, of a definition."""
    index = _index(reader, draft)
    if index is not None:
        return index
    found = _column(reader, draft, added=added)
    return _placed(draft, found, None)


_INDEX_WORDS = frozenset(
    {"INDEX", "KEY", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PRIMARY", "UNIQUE", "CONSTRAINT", "PERIOD"}
)


def _index(reader: _Reader, draft: TableDefinition) -> TableDefinition | None:
    """Takes an index or a constraint in; None where a column comes next."""
    if reader.peek().upper not in _INDEX_WORDS or (reader.peek().upper == "PERIOD" and reader.peek(1).upper != "FOR"):
        return None
    name = ""
    if reader.skip("CONSTRAINT") and reader.peek().upper not in _INDEX_WORDS:
        name = reader.name()
    if reader.skip("PRIMARY"):
        reader.skip("KEY")
        while not reader.ended and reader.peek().text != "(":
            reader.take()
        columns = _index_columns(reader.parentheses())
        if columns is None:
            raise DdlError("a primary key has no columns")
        return _with_primary(draft, columns)
    if reader.skip("UNIQUE"):
        if not reader.skip("INDEX"):
            reader.skip("KEY")
        reader.skip("IF", "NOT", "EXISTS")
        while not reader.ended and reader.peek().text != "(":
            token = reader.take()
            if token.upper in ("USING", "BTREE", "HASH"):
                continue
            name = token.text
        columns = _index_columns(reader.parentheses())
        if columns is None:
            return draft
        return _with_unique(draft, name or columns[0], columns)
    return draft


def _index_columns(parts: Sequence[Sequence[Token]]) -> tuple[str, ...] | None:
    """Names of an index's columns; None where it is of expressions."""
    names = []
    for part in parts:
        if not part or part[0].kind not in (Kind.WORD, Kind.NAME):
            return None
        names.append(part[0].text)
    return tuple(names) or None


def _with_primary(definition: TableDefinition, columns: Sequence[str]) -> TableDefinition:
    return replace(definition, primary_key=_spelt(definition, columns))


def _with_unique(definition: TableDefinition, name: str, columns: Sequence[str]) -> TableDefinition:
    return replace(definition, unique={**(definition.unique or {}), name: _spelt(definition, columns)})


def _spelt(definition: TableDefinition, columns: Sequence[str]) -> tuple[str, ...]:
    """Names of columns as the table spells them."""
    by_lower = {one.name.lower(): one.name for one in definition.columns}
    return tuple(by_lower.get(name.lower(), name) for name in columns)


# Columns.


@dataclass(slots=True)
class _FoundColumn:
    column: Column
    primary: bool = False
    unique: bool = False
    first: bool = False
    after: str | None = None
    attributes: list[str] = field(default_factory=list)


def _column(reader: _Reader, definition: TableDefinition, *, added: bool = False) -> _FoundColumn:
    """The column that comes next.

    Args:
        reader: of the statement.
        definition: of its table.
        added: whether it is new to a table that has rows, which get the statement's time as its default.
    """
    name = reader.name()
    column = parsed_type(reader, name)
    found = _FoundColumn(column)
    charset: str | None = None
    default: Token | None = None
    binary = is_json = now = False
    while not reader.ended:
        token = reader.take()
        match token.upper:
            case "UNSIGNED" | "ZEROFILL":
                column = replace(column, unsigned=True)
            case "CHARACTER" | "CHARSET" if token.upper == "CHARSET" or reader.skip("SET"):
                charset = reader.name().lower()
            case "COLLATE":
                reader.sign("=")
                charset = charset or _charset_of_collation(reader.name())
            case "ASCII":
                charset = "latin1"
            case "UNICODE":
                charset = "ucs2"
            case "BYTE":
                binary = True
            case "NOT" if reader.skip("NULL"):
                column = replace(column, nullable=False)
            case "PRIMARY":
                reader.skip("KEY")
                found.primary = True
                column = replace(column, nullable=False)
            case "UNIQUE":
                reader.skip("KEY")
                found.unique = True
            case "KEY":
                found.primary = True
                column = replace(column, nullable=False)
            case "CHECK":
                if _is_json_check(reader.parentheses(), name):
                    is_json = column.type == "longtext"
            case "DEFAULT":
                now = reader.peek().upper in _NOW
                default = reader.literal()
            case "COMMENT":
                # What follows is no attribute, whatever it looks like.
                reader.take()
            case "FIRST":
                found.first = True
            case "AFTER":
                found.after = reader.name()
            case "" if token.kind is Kind.SIGN and token.text == "(":
                reader.back()
                reader.parentheses()
    if binary or charset == "binary":
        column = replace(column, type=_AS_BINARY.get(column.type, column.type))
    if column.type in _TEXT_DEFAULTS:
        column = replace(column, charset=charset or column.charset or definition.charset)
    found.column = replace(column, type="json") if is_json else column
    if column.type == "serial":
        found.column = replace(column, type="bigint", unsigned=True, nullable=False)
        found.unique = True
    if default is not None:
        found.column = replace(found.column, default=default_text(found.column, default))
    elif now and added and reader.context.time is not None:
        found.column = replace(found.column, default=_filled_in(found.column, reader.context.time))
    return found


def _filled_in(column: Column, time: StatementTime) -> str | None:
    """What the rows of a table get in a new column whose default is the time."""
    if column.type == "timestamp":
        return time.timestamp(column.length or 0)
    return time.date_time(column.length or 0) if column.type == "datetime" else None


def _is_json_check(parts: Sequence[Sequence[Token]], name: str) -> bool:
    texts = [token.text.lower() for part in parts for token in part]
    return texts == ["json_valid", "(", name.lower(), ")"]


def parsed_type(reader: _Reader, name: str) -> Column:
    """A column of the type that comes next.

    Raises:
        DdlError: no type comes next.
    """
    word = reader.take()
    if word.kind is not Kind.WORD:
        raise DdlError(f"a type is expected for column {name!r} before {word.text!r}")
    kind = word.text.lower()
    charset = None
    if kind == "national":
        kind = reader.word().lower()
        charset = "utf8mb3"
    if kind in ("nchar", "nvarchar"):
        charset = "utf8mb3"
    if kind == "double":
        reader.skip("PRECISION")
    if kind == "long":
        inner = reader.peek().upper
        kind = "mediumblob" if inner == "VARBINARY" else "mediumtext"
        if inner in ("VARBINARY", "VARCHAR", "CHAR"):
            reader.take()
    if kind in ("char", "character", "nchar") and (reader.skip("VARYING") or reader.skip("VARCHAR")):
        kind = "varchar"
    kind = _SYNONYMS.get(kind, kind)
    if kind in ("bool", "boolean"):
        return Column(name, "tinyint", 1)
    if reader.peek().text != "(" or reader.peek().kind is not Kind.SIGN:
        return Column(name, kind, *_default_lengths(kind), charset=charset)
    inside = reader.parentheses()
    if kind in ("enum", "set"):
        return Column(name, kind, charset=charset, values=tuple(part[0].text for part in inside if part))
    try:
        numbers = [int(part[0].text) for part in inside if part]
    except ValueError:
        raise DdlError(f"the type of column {name!r} is not understood") from None
    length, scale = numbers[0] if numbers else None, numbers[1] if len(numbers) > 1 else None
    if kind == "decimal":
        scale = scale or 0
    elif kind == "float" and scale is None and length is not None and length > 24:
        kind = "double"
    return Column(name, kind, length, scale, charset=charset)


def _default_lengths(kind: str) -> tuple[int | None, int | None]:
    if kind == "decimal":
        return 10, 0
    return (1, None) if kind in ("char", "binary", "bit") else (None, None)


def _placed(definition: TableDefinition, found: _FoundColumn, replaced: str | None) -> TableDefinition:
    """The table with a column in its place, perhaps instead of another one."""
    columns = list(definition.columns)
    at = len(columns)
    if replaced is not None:
        at = _place(definition, replaced)
        columns.pop(at)
    if found.first:
        at = 0
    elif found.after is not None:
        after = found.after.lower()
        places = [place for place, one in enumerate(columns) if one.name.lower() == after]
        if not places:
            raise DdlError(f"there is no column {found.after!r}")
        at = places[0] + 1
    columns.insert(at, found.column)
    changed = replace(definition, columns=tuple(columns))
    if replaced is not None and replaced != found.column.name:
        changed = _key_renamed(changed, replaced, found.column.name)
    if found.primary:
        changed = _with_primary(changed, [found.column.name])
    if found.unique:
        changed = _with_unique(changed, found.column.name, [found.column.name])
    return changed


def _place(definition: TableDefinition, name: str) -> int:
    lower = name.lower()
    for place, one in enumerate(definition.columns):
        if one.name.lower() == lower:
            return place
    raise DdlError(f"there is no column {name!r}")


def _key_renamed(definition: TableDefinition, old: str, new: str) -> TableDefinition:
    def renamed(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(new if name.lower() == old.lower() else name for name in names)

    unique = {name: renamed(columns) for name, columns in (definition.unique or {}).items()}
    return replace(definition, primary_key=renamed(definition.primary_key), unique=unique)


# ALTER.


def _alter(reader: _Reader) -> list[Change]:
    reader.skip("ONLINE")
    reader.skip("IGNORE")
    if reader.skip("DATABASE") or reader.skip("SCHEMA"):
        named = (
            reader.peek().upper not in ("DEFAULT", "CHARACTER", "CHARSET", "COLLATE") or reader.peek().kind is Kind.NAME
        )
        database = reader.name() if named else reader.context.database
        return [DatabaseChange(database, _charset_option(reader.rest()))]
    if not reader.skip("TABLE"):
        return []
    reader.skip("IF", "EXISTS")
    table = reader.table()
    if reader.skip("WAIT"):
        reader.take()
    else:
        reader.skip("NOWAIT")
    parts: list[list[Token]] = []
    while not reader.ended:
        parts.append(reader.part())
    new_name: TableId | None = None
    for part in parts:
        renamed = _new_name(reader.of(part))
        new_name = renamed or new_name

    def change(definition: TableDefinition) -> TableDefinition:
        for part in parts:
            definition = _action(reader.of(part), definition)
        return _required_key(definition)

    found: list[Change] = [Alter(table, change)]
    if new_name is not None:
        found.append(Rename([(table, new_name)]))
    return found


def _new_name(reader: _Reader) -> TableId | None:
    if not reader.skip("RENAME") or reader.peek().upper in ("COLUMN", "INDEX", "KEY"):
        return None
    if not reader.skip("TO"):
        reader.skip("AS")
        reader.sign("=")
    return reader.table()


def _action(reader: _Reader, definition: TableDefinition) -> TableDefinition:
    match reader.word():
        case "ADD":
            return _add(reader, definition)
        case "DROP":
            return _drop_part(reader, definition)
        case "MODIFY" | "CHANGE" as word:
            reader.skip("COLUMN")
            missing_ok = reader.skip("IF", "EXISTS")
            old = reader.peek().text if word == "MODIFY" else reader.name()
            if missing_ok and not _has(definition, old):
                return definition
            return _placed(definition, _column(reader, definition), definition.columns[_place(definition, old)].name)
        case "RENAME" if reader.skip("COLUMN"):
            missing_ok = reader.skip("IF", "EXISTS")
            old = reader.name()
            reader.skip("TO")
            if missing_ok and not _has(definition, old):
                return definition
            place = _place(definition, old)
            columns = list(definition.columns)
            columns[place] = replace(columns[place], name=reader.name())
            return _key_renamed(replace(definition, columns=tuple(columns)), old, columns[place].name)
        case "ALTER":
            reader.skip("COLUMN")
            missing_ok = reader.skip("IF", "EXISTS")
            return _default_set(reader, definition, missing_ok=missing_ok)
        case "CONVERT":
            charset = _charset_option(reader.rest())
            if charset is None:
                charset = definition.charset
            columns = [
                replace(one, charset=charset) if one.type in _TEXT_DEFAULTS else one for one in definition.columns
            ]
            return replace(definition, columns=tuple(columns), charset=charset)
        case "DEFAULT" | "CHARACTER" | "CHARSET" | "COLLATE" as word:
            found = _charset_option([Token(Kind.WORD, word), *reader.rest()])
            return replace(definition, charset=found or definition.charset)
    found = _charset_option(reader.rest())
    return definition if found is None else replace(definition, charset=found)


def _default_set(reader: _Reader, definition: TableDefinition, *, missing_ok: bool) -> TableDefinition:
    """The table with another default of a column.

    One that is dropped stays: older records are still to be read with it.
    """
    if reader.peek().upper in ("INDEX", "CHECK", "CONSTRAINT") and reader.peek(1).upper != "SET":
        return definition
    name = reader.name()
    if not reader.skip("SET", "DEFAULT") or (missing_ok and not _has(definition, name)):
        return definition
    place = _place(definition, name)
    columns = list(definition.columns)
    literal = reader.literal()
    text = None if literal is None else default_text(columns[place], literal)
    columns[place] = replace(columns[place], default=text)
    return replace(definition, columns=tuple(columns))


def _has(definition: TableDefinition, name: str) -> bool:
    return any(one.name.lower() == name.lower() for one in definition.columns)


def _add(reader: _Reader, definition: TableDefinition) -> TableDefinition:
    if not reader.skip("COLUMN"):
        index = _index(reader, definition)
        if index is not None or reader.skip("SYSTEM", "VERSIONING") or reader.skip("PARTITION"):
            return definition if index is None else index
    there_ok = reader.skip("IF", "NOT", "EXISTS")
    if reader.peek().text == "(" and reader.peek().kind is Kind.SIGN:
        for part in reader.parentheses():
            definition = _element(reader.of(part), definition, added=True)
        return definition
    if there_ok and _has(definition, reader.peek().text):
        return definition
    return _placed(definition, _column(reader, definition, added=True), None)


def _drop_part(reader: _Reader, definition: TableDefinition) -> TableDefinition:
    if reader.skip("PRIMARY", "KEY"):
        return replace(definition, primary_key=())
    if reader.skip("INDEX") or reader.skip("KEY"):
        reader.skip("IF", "EXISTS")
        return _without_index(definition, reader.name())
    if (
        reader.peek().kind is Kind.WORD
        and reader.peek(1).text
        and reader.peek().upper
        in (
            "FOREIGN",
            "CONSTRAINT",
            "CHECK",
            "PARTITION",
            "SYSTEM",
            "PERIOD",
        )
    ):
        if reader.skip("CONSTRAINT"):
            reader.skip("IF", "EXISTS")
            return _without_index(definition, reader.name())
        return definition
    reader.skip("COLUMN")
    missing_ok = reader.skip("IF", "EXISTS")
    name = reader.name()
    if missing_ok and not _has(definition, name):
        return definition
    place = _place(definition, name)
    gone = definition.columns[place].name
    columns = definition.columns[:place] + definition.columns[place + 1 :]
    # An index loses the column; what is left of one without columns is nothing.
    unique = {
        index: tuple(one for one in names if one != gone)
        for index, names in (definition.unique or {}).items()
        if set(names) != {gone}
    }
    primary = tuple(one for one in definition.primary_key if one != gone)
    return replace(definition, columns=columns, primary_key=primary, unique=unique)


def _without_index(definition: TableDefinition, name: str) -> TableDefinition:
    if name.upper() == _PRIMARY:
        return replace(definition, primary_key=())
    kept = {index: columns for index, columns in (definition.unique or {}).items() if index.lower() != name.lower()}
    return replace(definition, unique=kept)


# DROP and RENAME.


def _drop(reader: _Reader) -> list[Change]:
    if reader.skip("DATABASE") or reader.skip("SCHEMA"):
        reader.skip("IF", "EXISTS")
        return [DropDatabase(reader.name())]
    if reader.skip("INDEX"):
        reader.skip("IF", "EXISTS")
        name = reader.name()
        if not reader.skip("ON"):
            return []
        return [Alter(reader.table(), lambda definition: _without_index(definition, name))]
    if not reader.skip("TABLE") and not reader.skip("TABLES"):
        return []
    reader.skip("IF", "EXISTS")
    tables = [reader.table()]
    while reader.sign(","):
        tables.append(reader.table())
    return [Drop(tables)]


def _rename(reader: _Reader) -> list[Change]:
    if not reader.skip("TABLE") and not reader.skip("TABLES"):
        return []
    reader.skip("IF", "EXISTS")
    pairs = []
    while True:
        old = reader.table()
        if reader.skip("WAIT"):
            reader.take()
        else:
            reader.skip("NOWAIT")
        if not reader.skip("TO"):
            raise DdlError("RENAME TABLE has no TO")
        pairs.append((old, reader.table()))
        if not reader.sign(","):
            return [Rename(pairs)]


# Character sets.


def _charset_option(found: Sequence[Token]) -> str | None:
    """The character set that options of a table or database name."""
    charset = collation = None
    words = [token.upper for token in found]
    for place, word in enumerate(words):
        value = place + 1
        if word == "CHARACTER" and words[value : value + 1] == ["SET"]:
            value += 1
        elif word not in ("CHARSET", "COLLATE"):
            continue
        if value < len(found) and found[value].text == "=":
            value += 1
        if value >= len(found):
            continue
        text = found[value].text
        if word == "COLLATE":
            collation = _charset_of_collation(text)
        else:
            charset = None if text.upper() == "DEFAULT" else text.lower()
    return charset or collation


def _charset_of_collation(collation: str) -> str | None:
    """The character set of a collation, which begins with its name; None for one that is of no set."""
    charset = collation.lower().split("_")[0]
    return None if charset in ("uca1400", "default") else charset


def constant(text: str) -> Token | None:
    """The constant that MariaDB's catalogue tells as a default, such as ``'it''s'`` or ``0``; None for others."""
    reader = _Reader(tokens(text), Context())
    found = reader.literal()
    return found if reader.ended else None


def type_of(name: str, text: str) -> Column:
    """A column of a type that the catalogue tells, such as ``int(10) unsigned`` or ``enum('a','b')``.

    Raises:
        DdlError: the type is not understood.
    """
    reader = _Reader(tokens(text), Context())
    column = parsed_type(reader, name)
    return replace(column, unsigned="UNSIGNED" in {token.upper for token in reader.rest()})
