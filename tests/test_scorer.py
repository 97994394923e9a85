"""What cannot be measured is a sentence under its reply, and does not hold the others up."""

import time

from chat_app.chat.conversations import open_conversation
from chat_app.ui.chat_panel import rows
from chat_app.ui.scorer import Scorer
from chat_app.values.profile import Profile
from tests.talks import new_talk, say

NONSENSE = Profile("nonsense", {"custom/qqq zzzz xxqj": 5})


def test_a_reply_that_cannot_be_measured_says_why(studio):
    talk = new_talk(studio.database)
    _, odd = say(studio.database, talk, "Shall I?", "Yes.", profile=NONSENSE)
    _, plain = say(studio.database, talk, "And now?", "I would help her with all my heart.")
    scorer = Scorer(studio)
    while scorer.ensure(talk):
        time.sleep(0.02)
    view = open_conversation(studio.database, talk)
    problem = scorer.why_not(odd)
    assert problem
    assert problem.tell
    assert problem.words in str(rows(view, why_not=scorer.why_not))
    assert scorer.why_not(plain) is None
    assert view.messages[-1].scores
