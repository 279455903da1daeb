"""Scenarios that try to break the promise: kills, power loss, damage, rivals; and deliberate faults each must catch."""
