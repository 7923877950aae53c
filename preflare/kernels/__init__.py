"""Compiled loops behind `preflare.swarm`: single-threaded, and free of the interpreter's lock."""
