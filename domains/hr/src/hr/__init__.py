"""The hr domain: who works here, and where."""
