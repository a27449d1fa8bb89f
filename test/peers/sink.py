#!/usr/bin/env python3
"""A sink as the ZeroMQ guide has it: binds a PULL socket, waits for the start of
a batch, then for 100 results, and tells how long they took. READY_FILE says
when it listens.

usage: sink.py RESULTS_ENDPOINT READY_FILE
"""
import sys
import time

import zmq

from pipeline import socket, unpack

receiver = socket(zmq.PULL)
receiver.bind(sys.argv[1])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write("listening\n")
schema, _, start = unpack(receiver.recv())
if schema != "task" or start["number"] != 0:
    sys.exit(f"a batch begins with task 0, not with {schema} {start}")
begun = time.monotonic()
numbers = set()
for _ in range(100):
    schema, _, result = unpack(receiver.recv())
    if schema != "result":
        sys.exit(f"not a result but {schema}")
    numbers.add(result["number"])
print(f"{len(numbers)} different results in {(time.monotonic() - begun) * 1000:.0f} ms")
