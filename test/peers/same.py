#!/usr/bin/env python3
"""Fails unless a member of one JSON object equals a member of another.

usage: same.py FILE MEMBER OTHER_FILE OTHER_MEMBER
"""
import json
import sys

values = []
for name, member in (sys.argv[1:3], sys.argv[3:5]):
    with open(name, encoding="utf-8") as file:
        values.append(json.load(file)[member])
sys.exit(None if values[0] == values[1] else f"{values[0]!r} is not {values[1]!r}")
