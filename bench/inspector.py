"""First paint of the inspector, and the frames of a scroll, over many records, in Chromium.

    python bench/inspector.py --records 100000 --rounds 10

Prints medians and the worst round. "First paint" is the browser's own (`PerformancePaintTiming`),
"rows" the time until the first record is in the document; both count from the navigation.
"""

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from browsing import chromium, remember_many
from serving import Served, services

ROWS = """() => new Promise((resolve) => {
  const look = () => document.querySelector(".row")
    ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    of = services()
    remember_many(of.memory, options.records)
    paints, rows, nodes = [], [], 0
    with Served(of) as served, chromium() as browser:
        for _ in range(options.rounds):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.goto(f"{served.url}/", wait_until="commit")
            rows.append(page.evaluate(ROWS))
            page.wait_for_function("performance.getEntriesByType('paint').length > 1")
            paints.append(page.evaluate(PAINT))
            for _ in range(20):
                page.evaluate("document.querySelector('.scroller').scrollTop += 4000")
                page.wait_for_timeout(30)
                nodes = max(nodes, page.locator(".row").count())
            context.close()
    for name, values in (("first paint", paints), ("first row", rows)):
        print(f"{name}: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms")
    print(f"rows in the document at most: {nodes} of {options.records:,}; n = {options.rounds}")


if __name__ == "__main__":
    main()
