"""The hr domain: employees and their places of work."""
