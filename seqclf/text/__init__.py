"""From text to tokens and numbers."""
