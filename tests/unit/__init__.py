"""Tests of one room each, small and quick."""
