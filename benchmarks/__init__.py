"""Side-by-side measurements: all compared variants run in the same call, on the same machine.

Benchmarks never fail a build: `make bench` prints the figures and writes them as JSON.
"""
