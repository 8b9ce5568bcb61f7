"""Names of the structures, and what a heart's mask must obey."""

STRUCTURES = {"LV": 1, "MYO": 2, "RV": 3}
CLASSES = 1 + len(STRUCTURES)
PHASES = ("ED", "ES")
