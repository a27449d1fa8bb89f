#!/usr/bin/env python3
"""The first client: sends its argument on a REQ socket and prints the answer.

usage: req_client.py ENDPOINT MESSAGE
"""
import sys

import zmq

socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.SNDTIMEO, 5000)
socket.setsockopt(zmq.RCVTIMEO, 5000)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(sys.argv[1])
socket.send(sys.argv[2].encode("utf-8"))
print(socket.recv().decode())
