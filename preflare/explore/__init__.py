"""Figures to explore in the browser: a slit in time, pixel by pixel, and the splits of a study."""
