"""Measurements, each one command with a table out; none of them runs with the tests."""
