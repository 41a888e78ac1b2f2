"""What `scripts/benchmark.py` measures: one module for each part of docs/performance.md."""
