"""Measuring: question sets, runs over them, metrics with intervals, and reports."""
