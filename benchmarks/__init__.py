"""Side-by-side measurements: everything that is compared runs in the same call, on the same machine.

Nothing here passes or fails: the figures are for people, `make bench` prints them and keeps them as JSON.
"""
