"""`python -m memagent` is `memagent`."""

from memagent.cli.app import main

main()
