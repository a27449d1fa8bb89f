#!/usr/bin/env python3
"""The first listener: a REP socket that prints what it receives, appends it to
queue.txt and says that it did. It knows nothing of receipts. QUEUE_FILE.ready
says when it listens.

usage: rep_listener.py ENDPOINT QUEUE_FILE [COUNT [ANSWER]]
"""
import sys

import zmq

endpoint, queue = sys.argv[1], sys.argv[2]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 1
answer = sys.argv[4] if len(sys.argv) > 4 else "Message processed\n"

socket = zmq.Context().socket(zmq.REP)
socket.setsockopt(zmq.RCVTIMEO, 30000)
socket.bind(endpoint)
with open(queue + ".ready", "w", encoding="utf-8") as file:
    file.write("listening\n")
for _ in range(count):
    message = socket.recv().decode()
    print("received", message, flush=True)
    with open(queue, "a", encoding="utf-8") as file:
        file.write(message + "\n")
    socket.send_string(answer)
