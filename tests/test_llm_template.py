"""Chat templates as model authors write them, and what happens where they refuse."""

import pytest

from chat_app.llm.template import ChatTemplate, TemplateRefused

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
]


def test_chatml_without_a_template() -> None:
    template = ChatTemplate(None)
    assert not template.own
    assert template.render(TALK, open_reply=True) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert template.render(TALK, open_reply=False).endswith("Hi<|im_end|>\n")


def test_system_text_is_folded_where_the_template_refuses_it() -> None:
    template = ChatTemplate(GEMMA, bos="<bos>")
    assert template.own
    assert template.render(TALK, open_reply=True) == (
        "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n"
    )


def test_refusal_is_a_sentence() -> None:
    twice = [TALK[1], TALK[1]]
    with pytest.raises(TemplateRefused, match="Roles must alternate"):
        ChatTemplate(GEMMA).render(twice, open_reply=True)


def test_date_loops_and_names() -> None:
    template = ChatTemplate(
        "{{ strftime_now('%Y') | length }}{% for m in messages %}{% if loop.index0 == 1 %}"
        "{% break %}{% endif %}{{ m.role }}{% endfor %}{{ eos_token }}",
        eos="</s>",
    )
    assert template.render(TALK, open_reply=False) == "4system</s>"


def test_unreadable_template_falls_back_to_chatml() -> None:
    template = ChatTemplate("{% generation %}{{ messages }}")
    assert not template.own
    assert "<|im_start|>user" in template.render(TALK, open_reply=True)


def test_template_cannot_reach_out_of_its_sandbox() -> None:
    template = ChatTemplate("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(TemplateRefused):
        template.render(TALK, open_reply=True)
