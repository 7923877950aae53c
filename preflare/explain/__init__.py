"""Explanations: which wavelengths a network's verdict rests on, and how far to trust them."""
