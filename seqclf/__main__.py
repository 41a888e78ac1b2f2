"""`python -m seqclf` is `python train.py` from anywhere."""

from seqclf.run.cli import train_main

if __name__ == "__main__":
    train_main()
