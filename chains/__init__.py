"""From a question to a checked answer: history, condense, budget, answer, citations."""
