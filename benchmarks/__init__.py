"""Benchmarks: each is `python -m benchmarks.NAME [--quick] [--data DIR]` and prints a table and one JSON line."""
