"""Benchmarks: each measures seedbank against a baseline in the same run and prints ratios; results lie in `results/`."""
