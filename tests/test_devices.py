"""What llama.cpp says it can compute on."""

import os

from chat_app.llm.devices import devices, offloads


def test_the_processor_and_its_memory_are_named() -> None:
    found = devices()
    (processor,) = [device for device in found if device.kind == "cpu"]
    assert processor.name == "CPU"
    assert processor.description
    assert 0 < processor.free <= processor.total
    if hasattr(os, "sysconf"):
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        assert processor.total <= whole * 1.01
    assert not processor.takes_layers


def test_layers_go_to_a_graphics_card_where_there_is_one() -> None:
    assert offloads() == any(device.takes_layers for device in devices())
