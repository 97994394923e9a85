"""``/v1/embeddings``: HIVES vectors of texts, by the encoder for a person's own words."""

import base64
from typing import TYPE_CHECKING, Any

from chat_app.api.errors import ApiError
from chat_app.api.models import HIVES
from chat_app.api.requests import EmbeddingsRequest

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


def embed(studio: "Studio", asked: EmbeddingsRequest) -> dict[str, Any]:
    """The answer to ``asked``. Raises ApiError for another model than HIVES, EncoderError where
    the encoder fails."""
    if asked.model not in (None, HIVES):
        raise ApiError(404, f"Embeddings are made by {HIVES!r}, not by {asked.model!r}.",
                       "model_not_found", param="model")  # fmt: skip
    texts = asked.texts()
    encoder = studio.word_space.encoder
    vectors = encoder.encode(texts).astype("<f4")
    packed = asked.encoding_format == "base64"
    tokens = sum(encoder.lengths(texts))
    return {
        "object": "list",
        "model": HIVES,
        "data": [
            {
                "object": "embedding",
                "index": i,
                "embedding": (
                    base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist()
                ),
            }
            for i, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "valueflow": {"encoder": encoder.name, "version": encoder.version},
    }
