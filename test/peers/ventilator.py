#!/usr/bin/env python3
"""A ventilator as the ZeroMQ guide has it: binds a PUSH socket for the workers,
and tells the sink by task 0 when the batch begins. It sends 100 tasks once so
many workers as told have connected.

usage: ventilator.py TASKS_ENDPOINT SINK_ENDPOINT WORKERS
"""
import random
import sys

import zmq

from pipeline import await_peers, pack, socket

sender = socket(zmq.PUSH)
monitor = sender.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
sender.bind(sys.argv[1])
sink = socket(zmq.PUSH)
sink.connect(sys.argv[2])
await_peers(monitor, int(sys.argv[3]))

sink.send(pack("task", "start", {"batch": "py", "number": 0, "milliseconds": 0}))
expected = 0
for number in range(1, 101):
    workload = random.randint(1, 10)
    expected += workload
    sender.send(pack("task", f"task-{number}", {"batch": "py", "number": number, "milliseconds": workload}))
print(f"100 tasks, expected cost {expected} ms")
