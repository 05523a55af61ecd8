"""Program `memagent`, which `python -m memagent` runs as well."""


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130, while it still loads as well."""
    try:
        from memagent.cli.app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
