"""How the page looks: a Gradio theme of system fonts and a calm palette; details in style.css."""

from collections.abc import Iterable
from pathlib import Path

import gradio as gr

from chat_app.settings import data_path

# Fonts of the reader's own computer: nothing is fetched, and text looks at home.
_SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_INK = gr.themes.Color(
    name="ink",
    c50="#f8f8f7",
    c100="#f1f1ef",
    c200="#e4e4e1",
    c300="#d0d0cc",
    c400="#9c9c98",
    c500="#6f6f6c",
    c600="#555553",
    c700="#3b3b3a",
    c800="#262627",
    c900="#1b1b1c",
    c950="#141415",
)
_BLUE = gr.themes.Color(
    name="steer",
    c50="#f0f3fe",
    c100="#e0e7fd",
    c200="#c7d3fb",
    c300="#a3b6f7",
    c400="#7b92f1",
    c500="#5570e6",
    c600="#3a54d6",
    c700="#2f43b0",
    c800="#283889",
    c900="#232f6b",
    c950="#171d40",
)


def _system(names: Iterable[str]) -> list[gr.themes.Font]:
    return [gr.themes.Font(name) for name in names]


def theme() -> gr.themes.Base:
    """The theme, light and dark."""
    return gr.themes.Base(
        primary_hue=_BLUE,
        secondary_hue=_BLUE,
        neutral_hue=_INK,
        text_size=gr.themes.sizes.text_md,
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_lg,
        font=_system(_SANS),
        font_mono=_system(_MONO),
    ).set(
        body_background_fill="#ffffff",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="#a3a39f",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="*neutral_950",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_900",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_size="*text_sm",
        block_title_text_weight="500",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        input_background_fill="#ffffff",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px *primary_100",
        input_shadow_focus_dark="0 0 0 3px *primary_900",
        input_border_color_focus="*primary_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_transition="background-color .12s, border-color .12s",
        button_large_text_weight="500",
        button_small_text_weight="500",
        button_small_radius="*radius_md",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


def head() -> str:
    """The page's own rules and script, every css and js file of static/, for its head: Gradio's
    ``css`` would confine the rules to the middle column."""
    rules, code = (
        "\n".join(file.read_text(encoding="utf-8") for file in sorted(_static().glob(kind)))
        for kind in ("*.css", "*.js")
    )
    return f"<style>{rules}</style><script>{code}</script>"


def _static() -> Path:
    return data_path("static")
