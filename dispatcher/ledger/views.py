"""Views for people who open the ledger with a tool of their own."""

from sqlalchemy import Connection

VIEWS = {
    "v_recipients": """
        SELECT c.name AS campaign, r.row_number, r.key, r.to_number, r.state, r.reason, r.problem_column,
               r.not_before, r.session_id, r.updated_at, r.in_sheet, r.purged_at, r.cells,
               (SELECT count(*) FROM attempts a WHERE a.recipient_id = r.id) AS attempts
        FROM recipients r JOIN campaigns c ON c.id = r.campaign_id""",
    "v_attempts": """
        SELECT c.name AS campaign, r.row_number, r.key, a.id AS attempt, a.run_id AS run, a.started_at, a.ended_at,
               a.outcome, a.http_status, a.headers_sent, a.latency_ms, a.reason, a.session_id, a.answer
        FROM attempts a JOIN recipients r ON r.id = a.recipient_id JOIN campaigns c ON c.id = r.campaign_id""",
    "v_failed": """
        SELECT campaign, row_number, key, to_number, state, reason, problem_column, updated_at, attempts
        FROM v_recipients WHERE state IN ('failed', 'refused', 'in_doubt')""",
    "v_runs": """
        SELECT c.name AS campaign, runs.id AS run, runs.command, runs.started_at, runs.ended_at, runs.pid, runs.host,
               runs.sent, runs.accepted, runs.throttled, runs.unsent, runs.rejected, runs.in_doubt,
               runs.exit_code, runs.note
        FROM runs JOIN campaigns c ON c.id = runs.campaign_id""",
}


def create_views(connection: Connection) -> None:
    """Put every view into a ledger that has none."""
    for name, query in VIEWS.items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}")
