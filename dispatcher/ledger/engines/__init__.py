"""Engines that keep a ledger, a folder each; what they share is one room up."""
