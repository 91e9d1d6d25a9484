"""Envelope batches, faults, Arrow and schema language types, wire format."""
