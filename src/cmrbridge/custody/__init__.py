"""Custody of people's data: identifiers looked for in results, and a person taken out of every store."""
