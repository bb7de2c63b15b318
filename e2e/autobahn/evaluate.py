"""Reads Autobahn's index.json: OK, NON-STRICT and INFORMATIONAL pass, as the suite defines them."""

import collections
import json
import sys

# "UNIMPLEMENTED" is no pass: it means that an extension was not agreed on.
PASSING = {"OK", "NON-STRICT", "INFORMATIONAL"}


def verdicts(index):
    """Yields (case, behaviour, behaviour on close) in the order of case numbers."""
    for cases in index.values():
        for case in sorted(cases, key=lambda name: [int(part) for part in name.split(".")]):
            yield case, cases[case]["behavior"], cases[case]["behaviorClose"]


def main(path):
    with open(path, encoding="utf-8") as file:
        rows = list(verdicts(json.load(file)))
    counts = collections.Counter(behaviour for _, behaviour, _ in rows)
    print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    lenient = [case for case, behaviour, _ in rows if behaviour == "NON-STRICT"]
    if lenient:
        print("non-strict:", " ".join(lenient))
    failures = [row for row in rows if not {row[1], row[2]} <= PASSING]
    for case, behaviour, close in failures:
        print(f"case {case}: {behaviour}, on close {close}")
    if not rows:
        print("no case ran")
    print(f"{len(rows) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
