#!/usr/bin/env python3
"""Writes the content of a host message with a text of SIZE characters.

usage: big.py SIZE FILE
"""
import json
import sys

with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"uqhost": "big", "site": {"text": "x" * int(sys.argv[1])}}, file)
