"""llama.cpp: model files, the engine that writes replies, and the hidden states it passes through."""
