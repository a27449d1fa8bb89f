#!/usr/bin/env python3
"""A worker as the ZeroMQ guide has it: pulls tasks, sleeps as long as each says,
pushes the result to the sink. Runs until it is interrupted.

usage: worker.py TASKS_ENDPOINT SINK_ENDPOINT
"""
import sys
import time

import zmq

from pipeline import pack, socket, unpack

receiver = socket(zmq.PULL)
receiver.connect(sys.argv[1])
sender = socket(zmq.PUSH)
sender.connect(sys.argv[2])
while True:
    _, message_id, task = unpack(receiver.recv())
    time.sleep(task["milliseconds"] / 1000)
    sender.send(pack("result", "result-" + message_id, task))
