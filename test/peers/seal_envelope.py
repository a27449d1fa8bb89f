#!/usr/bin/env python3
"""Seals a container with a JOSE library that has nothing to do with ours, and
sends it on a REQ socket. With a public key, encrypts it to that, and decrypts
the receipt.

usage: seal_envelope.py PRIVATE_KEY_FILE ENDPOINT CONTAINER [PUBLIC_KEY_FILE]
"""
import hashlib
import json
import sys
import time

import zmq
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwcrypto import jwe, jwk, jws


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
own = jwk.JWK.from_pem(pem)
envelope.add_signature(own, protected=json.dumps(header))
frame = envelope.serialize(compact=True)
encrypted = len(sys.argv) > 4
if encrypted:
    with open(sys.argv[4], "rb") as file:
        to = file.read()
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWS"}
    box = jwe.JWE(frame.encode(), protected=json.dumps(header), recipient=jwk.JWK.from_pem(to))
    frame = box.serialize(compact=True)

socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.SNDTIMEO, 5000)
socket.setsockopt(zmq.RCVTIMEO, 5000)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(sys.argv[2])
socket.send_string(frame)
answer = socket.recv().decode()
if encrypted:
    box = jwe.JWE(algs=["RSA-OAEP-256", "A256GCM"])
    box.deserialize(answer, own)
    answer = box.payload.decode()
print(answer)
