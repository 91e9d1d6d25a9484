"""The tables of the stream by their number, each with the schema it has now."""

from __future__ import annotations

from tidegate.connectors.postgres_cdc.catalogue import Catalogue, TableFacts
from tidegate.connectors.postgres_cdc.relation import Relation
from tidegate.connectors.postgres_cdc.table_schema import SchemaRules, TableSchema


class TableBook:
    """Keeps what the stream and the catalogue tell of tables.

    Args:
        catalogue: is asked for what the stream does not tell.
        rules: what the configuration says.
    """

    def __init__(self, catalogue: Catalogue, rules: SchemaRules) -> None:
        self._catalogue = catalogue
        self.rules = rules
        self._known: dict[int, tuple[TableSchema, TableFacts, frozenset[str]]] = {}

    def put(self, relation: Relation) -> None:
        """Takes a table's description; it holds for what follows it in the stream."""
        known = self._known.get(relation.oid)
        facts = self._catalogue.facts(relation.oid)
        if known is not None and known[0].relation == relation and known[1] == facts:
            return
        schema = self.rules.schema(relation, facts, self._catalogue.type)
        self._known[relation.oid] = (schema, facts, frozenset())

    def widen(self, schema: TableSchema, columns: frozenset[str]) -> TableSchema:
        """The schema with some columns nullable."""
        known = self._known.get(schema.relation.oid)
        facts = known[1] if known is not None else self._catalogue.facts(schema.relation.oid)
        nullable = columns | (known[2] if known is not None else frozenset())
        wider = self.rules.schema(schema.relation, facts, self._catalogue.type, nullable)
        if known is None or known[0].relation == schema.relation:
            self._known[schema.relation.oid] = (wider, facts, nullable)
        return wider

    def schema(self, oid: int) -> TableSchema | None:
        """The schema of a table as it is now; None of one the stream has not described."""
        known = self._known.get(oid)
        return None if known is None else known[0]
