"""Alerts: policies, recipients, messages and their delivery."""
