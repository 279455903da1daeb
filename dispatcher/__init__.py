"""Start one AI Studio WhatsApp session per spreadsheet row, at the approved rate, once and only once."""

__version__ = "0.1.0"
