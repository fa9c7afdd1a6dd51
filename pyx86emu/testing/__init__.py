"""Testing: assemble, run, compare and report, for the pytest plugin; docs/TESTING.md."""
