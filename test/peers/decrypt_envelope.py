#!/usr/bin/env python3
"""Decrypts the frames of a file, a line each, with a JOSE library that has
nothing to do with ours, verifies what is inside and prints its container.

usage: decrypt_envelope.py PRIVATE_KEY_FILE PUBLIC_KEY_FILE FRAMES_FILE
"""
import json
import sys

from jwcrypto import jwe, jwk, jws

with open(sys.argv[1], "rb") as file:
    own = jwk.JWK.from_pem(file.read())
with open(sys.argv[2], "rb") as file:
    sender = jwk.JWK.from_pem(file.read())

for line in open(sys.argv[3], encoding="utf-8"):
    box = jwe.JWE(algs=["RSA-OAEP-256", "A256GCM"])
    box.deserialize(line.strip(), own)
    header = json.loads(box.objects["protected"])
    envelope = jws.JWS()
    envelope.allowed_algs = ["PS256"]
    envelope.deserialize(box.payload.decode())
    envelope.verify(sender)
    assert json.loads(envelope.objects["protected"])["aud"] == header["kid"], header
    print(header["alg"], header["enc"], header["cty"])
    print(envelope.payload.decode())
