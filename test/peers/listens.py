#!/usr/bin/env python3
"""Subscribes to all that is published at an endpoint, as whoever reaches the port
can, and writes a line for each publication: its topic, and what is in it, decoded
as far as it can be without a key.

usage: listens.py ENDPOINT FILE
"""
import base64
import signal
import sys

import zmq

signal.signal(signal.SIGINT, signal.SIG_DFL)
socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.subscribe(b"")
with open(sys.argv[2], "w", buffering=1) as file:
    print("listening", file=file)
    while True:
        topic, *frames = socket.recv_multipart()
        parts = [base64.urlsafe_b64decode(p + b"==") for f in frames for p in f.split(b".")]
        print(topic.decode(), len(frames), len(parts), *parts, file=file)
