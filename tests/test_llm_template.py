"""Chat templates as model authors write them, and what happens where they refuse."""

from datetime import date

import pytest

from chat_app.llm.template import Asking, ChatTemplate, TemplateRefused
from tests import chat_templates as kinds

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
]
LONGER = [
    *TALK,
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Who are you?"},
]
THINK = Asking(think=True)
DAY = Asking(today=date(2026, 2, 3))


def rendered(source: str | None, asking: Asking = DAY, talk: list[dict[str, str]] = LONGER) -> str:
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    assert template.own == (source is not None)
    return template.render(talk, True, asking)


def test_chatml_without_a_template() -> None:
    template = ChatTemplate(None)
    assert not template.own
    assert template.render(TALK, open_reply=True) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert template.render(TALK, open_reply=False).endswith("Hi<|im_end|>\n")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            "LLAMA3",
            "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 03 Feb 2026\n\n"
            "Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            "QWEN3",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        (
            "R1",
            "<s>Be brief.<|User|>Hi<|Assistant|>Hello!<|end|><|User|>Who are you?<|Assistant|>"
            "<think>\n\n</think>\n\n",
        ),
        (
            "GEMMA3",
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!"
            "<end_of_turn>\n<start_of_turn>user\nWho are you?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            "GEMMA2",
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!"
            "<end_of_turn>\n<start_of_turn>user\nWho are you?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            "TEKKEN",
            "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi[/INST]Hello!</s>"
            "[INST]Who are you?[/INST]",
        ),
        (
            "PHI4_MINI",
            "<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>Hello!<|end|>"
            "<|user|>Who are you?<|end|><|assistant|>",
        ),
        (
            "SMOLLM3",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\n",
        ),
        (
            "VISION",
            "System: Be brief.<end_of_utterance>\nUser: Hi<end_of_utterance>\n"
            "Assistant: Hello!<end_of_utterance>\nUser: Who are you?<end_of_utterance>\nAssistant:",
        ),
        ("MUTE", "Q: Be brief.\n\nHi\nA: Hello!\nQ: Who are you?\nA:"),
    ],
)
def test_the_kinds_of_template_that_models_come_with(kind: str, text: str) -> None:
    assert rendered(getattr(kinds, kind)) == text


def test_who_thinks_and_who_opens_the_thought() -> None:
    qwen, r1, llama = (ChatTemplate(s) for s in (kinds.QWEN3, kinds.R1, kinds.LLAMA3))
    assert (qwen.thinks, r1.thinks, llama.thinks) == (True, True, False)
    assert rendered(kinds.QWEN3, THINK).endswith("<|im_start|>assistant\n")
    assert rendered(kinds.R1, THINK).endswith("<|Assistant|><think>\n")
    assert [t.opening(THINK) for t in (qwen, r1, llama)] == ["", "<think>\n", ""]
    assert r1.opening(Asking()) == ""  # it was closed: the model is not to think


def test_the_day_is_told_where_the_template_asks_for_it() -> None:
    assert ChatTemplate(kinds.TEKKEN).dated
    assert not ChatTemplate(kinds.QWEN3).dated
    assert "Today is 2026-02-03." in rendered(kinds.TEKKEN, talk=TALK[1:])


def test_no_tools_are_given_to_a_template_that_would_go_through_them() -> None:
    assert rendered(kinds.PHI4_MINI, talk=TALK[1:]) == "<|user|>Hi<|end|><|assistant|>"


def test_turns_that_a_template_refuses_are_a_sentence() -> None:
    twice = [TALK[1], TALK[1]]
    with pytest.raises(TemplateRefused, match="Roles must alternate"):
        ChatTemplate(kinds.GEMMA2).render(twice, open_reply=True)


def test_loops_and_names() -> None:
    template = ChatTemplate(
        "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role }}"
        "{{ m | tojson }}{% endfor %}{{ eos_token }}",
        eos="</s>",
    )
    talk = [{"role": "user", "content": "<é>"}, TALK[1]]
    assert template.render(talk, False) == 'user{"role": "user", "content": "<é>"}</s>'


def test_unreadable_template_falls_back_to_chatml() -> None:
    template = ChatTemplate("{% unheard_of %}{{ messages }}")
    assert not template.own
    assert "<|im_start|>user" in template.render(TALK, open_reply=True)


def test_template_cannot_reach_out_of_its_sandbox() -> None:
    template = ChatTemplate("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(TemplateRefused):
        template.render(TALK, open_reply=True)
