"""Queries on what models have done."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.tables import Message


def last_speed(session: Session, model_sha256: str) -> float | None:
    """Tokens a second of the model's last reply, its first token's wait left out."""
    query = (
        sa.select(Message.counts, Message.timings)
        .where(
            Message.role == "assistant",
            Message.model_sha256 == model_sha256,
            Message.timings.is_not(None),
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    found = session.execute(query).first()
    if found is None or not found.counts or not found.timings:
        return None
    seconds = found.timings["seconds"] - found.timings["ttft_s"]
    written = found.counts["reply_tokens"] - 1
    return written / seconds if seconds > 0 and written > 0 else None
