"""From values and intensities to the control vector, or the prompt, that steers a reply."""
