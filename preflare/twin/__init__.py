"""The twin: a simulated Sun whose truth is known, observed as Table A1 says."""
