"""Predictions of a saved model for a file: `python scripts/predict.py --help`."""

from seqclf.run.cli import predict_main

if __name__ == "__main__":
    predict_main()
