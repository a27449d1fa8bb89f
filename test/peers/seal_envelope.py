#!/usr/bin/env python3
"""Seals a container with a JOSE library that has nothing to do with ours, and
sends it on a REQ socket.

usage: seal_envelope.py PRIVATE_KEY_FILE ENDPOINT CONTAINER
"""
import hashlib
import json
import sys
import time

import zmq
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwcrypto import jwk, jws


def digest(pem):
    """CFEngine's digest of a key: SHA-256 over modulus and exponent."""
    numbers = load_pem_private_key(pem, None).public_key().public_numbers()
    data = b"".join(n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.n, numbers.e))
    return "SHA=" + hashlib.sha256(data).hexdigest()


with open(sys.argv[1], "rb") as file:
    pem = file.read()
now = int(time.time())
header = {"alg": "PS256", "typ": "cf-message", "kid": digest(pem), "iat": now, "exp": now + 600}
envelope = jws.JWS(sys.argv[3].encode())
envelope.allowed_algs = ["PS256"]
envelope.add_signature(jwk.JWK.from_pem(pem), protected=json.dumps(header))

socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.SNDTIMEO, 5000)
socket.setsockopt(zmq.RCVTIMEO, 5000)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(sys.argv[2])
socket.send_string(envelope.serialize(compact=True))
print(socket.recv().decode())
