"""The live map of a screening's seats."""
