"""Governance as code: policies over plain facts, waivers that expire, and who may grant them."""
