#!/usr/bin/env python3
"""Add up JUnit reports and print the closing line of a test run; exits 1 if a test failed or none ran."""

import sys
import xml.etree.ElementTree as ElementTree


def main(paths):
    tests = failed = skipped = 0
    for path in paths:
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            tests += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0) or 0) + int(suite.get("disabled", 0) or 0)
    print(f"{tests - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or tests == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
