"""`python -m memagent` is `memagent`."""

from memagent.cli import main

main()
