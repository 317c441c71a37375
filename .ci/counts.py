#!/usr/bin/env python3
"""Add up JUnit reports: names each test that failed with its reason, then the closing line of a test run.

Exits 1 if a test failed or none ran.
"""

import sys
import xml.etree.ElementTree as ElementTree

REASON_LINES = 3


def main(paths):
    tests = failed = skipped = 0
    for path in paths:
        root = ElementTree.parse(path).getroot()
        for suite in root.iter("testsuite"):
            tests += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0) or 0) + int(suite.get("disabled", 0) or 0)
        for case in root.iter("testcase"):
            tell_failure(case)
    print(f"{tests - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or tests == 0 else 0


def tell_failure(case):
    for kind in ("failure", "error"):
        for found in case.findall(kind):
            print(f"FAILED {case.get('classname', '')} {case.get('name', '')}")
            reason = found.get("message") or case.findtext("system-out") or found.text or ""
            for line in first_lines(reason):
                print(f"    {line[:300]}")


def first_lines(reason):
    """Where it says what failed: GoogleTest prints a banner before its first failed expectation."""
    lines = reason.strip().splitlines()
    start = next((i for i, line in enumerate(lines) if line.endswith(": Failure")), 0)
    return lines[start : start + REASON_LINES]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
