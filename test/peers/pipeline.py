"""What ventilator.py, worker.py and sink.py share: sockets with bounds, and the
containers that travel between them. No part of the project is used."""
import base64
import json
import signal
import sys

import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE = 30000  # milliseconds

signal.signal(signal.SIGINT, lambda *_: sys.exit())
context = zmq.Context()


def socket(kind):
    """A socket that waits for nothing without a bound."""
    s = context.socket(kind)
    s.setsockopt(zmq.SNDTIMEO, PATIENCE)
    s.setsockopt(zmq.RCVTIMEO, PATIENCE)
    s.setsockopt(zmq.LINGER, PATIENCE)
    return s


def await_peers(monitor, count):
    """Waits until so many peers have connected: who pushes before that gives
    all to the first. The monitor is made before the socket binds."""
    while count > 0:
        if not monitor.poll(PATIENCE):
            sys.exit("the workers do not connect")
        if recv_monitor_message(monitor)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            count -= 1


def pack(schema, message_id, content):
    """A bare container."""
    text = {schema: {"message_id": message_id, "content": content, "version": "1.0"}}
    return json.dumps(text).encode()


def unpack(frame):
    """(schema, message_id, content) of a container, bare or in an envelope. The
    signature is not looked at; verify_envelope.py shows how."""
    if not frame.startswith(b"{"):
        payload = frame.split(b".")[1]
        frame = base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))
    ((schema, rest),) = json.loads(frame).items()
    return schema, rest["message_id"], rest["content"]
