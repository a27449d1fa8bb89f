#!/usr/bin/env python3
"""Accepts TCP connections and never says a word. Ends by itself after a minute.

usage: silent.py PORT
"""
import socket
import sys
import time

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
with open("silent.txt", "w", encoding="utf-8") as file:
    file.write("listening\n")
listener.settimeout(60)
accepted = []
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        accepted.append(listener.accept())
    except TimeoutError:
        break
