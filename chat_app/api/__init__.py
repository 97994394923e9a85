"""The OpenAI-compatible API: parsing and protocol; what it does is done in ``chat_app.chat``."""
