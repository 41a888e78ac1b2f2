"""A saved model as an ONNX or torch.export file: `python scripts/export.py --help`."""

from seqclf.run.cli import export_main

if __name__ == "__main__":
    export_main()
