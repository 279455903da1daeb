"""One file a command, named as it is typed; a file is imported when its command is called.

To add a command: ``commands/NAME.py`` with a click command ``NAME``, and a line here.
"""

HELP_LINES = {
    "init": "Look at a sheet and write a commented campaign file for it.",
    "check": "Read everything, send nothing: what would happen to every row.",
    "preview": "Print the exact requests, one JSON body a line, byte for byte what `send` posts.",
    "send": "Send everything that is due, once.",
    "retry": "Put failed rows back and send what is due.",
    "status": "Show counts by state, the last run and the next step.",
    "show": "Show everything that happened to one person, named by row or by number.",
    "resolve": "List the rows in doubt; with --as, decide what became of them.",
    "export": "Write the sheet's columns with what became of every row.",
    "limit": "Show each agent's limit and warm-up; with AGENT and a number, record a change.",
    "purge": "Remove numbers and values of finished rows; they are still never sent again.",
    "sandbox": "Run the stand-in for AI Studio on 127.0.0.1, until Ctrl-C.",
}
"""The commands in the order in which people need them, each with the first line of its help."""
