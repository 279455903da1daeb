"""Tests of dispatcher: one module per room, flows that drive the command line, benchmarks."""
