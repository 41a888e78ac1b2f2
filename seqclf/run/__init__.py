"""Runs: from a configuration to a trained, evaluated and saved model. Only here Hydra and OmegaConf are known."""
