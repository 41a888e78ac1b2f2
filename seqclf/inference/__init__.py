"""What is done with a trained model: keep it in a folder, load it again, predict."""
