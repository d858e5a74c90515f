"""Measuring answers: their wording, their citations and claims, and what their confidence is worth."""
