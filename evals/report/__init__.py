"""Reports on runs: tables, comparisons, significance tests, the HTML page."""
