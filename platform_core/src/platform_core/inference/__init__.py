"""Contracts out of data: what is so is filled in, what only people can say is marked."""
