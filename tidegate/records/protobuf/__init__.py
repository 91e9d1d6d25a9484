"""Protobuf: schemas as Arrow types and back, messages as columns and back."""
