"""llama.cpp: model files, the engine that writes replies, and a model's hidden states."""
