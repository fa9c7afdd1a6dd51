"""Saved states: keep a Vm or a machine as a value, and as bytes. Knows plain values, no part."""
