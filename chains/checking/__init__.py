"""The second step's rules: a text taken apart into claims, and each claim checked against passages."""
