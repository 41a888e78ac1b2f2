"""The parts of a model: plain torch modules that know nothing of training, files or configuration."""
