"""Converters: Avro with the schema registry, JSON, string."""
