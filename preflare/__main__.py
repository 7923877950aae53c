"""`python -m preflare` is the `preflare` command."""

from preflare.cli import main

main()
