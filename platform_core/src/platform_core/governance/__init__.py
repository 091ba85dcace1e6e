"""Governance as code: policies over plain facts, and waivers that expire."""
