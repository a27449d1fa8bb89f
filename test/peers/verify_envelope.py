#!/usr/bin/env python3
"""Verifies the envelope of a shown message with a JOSE library that has nothing
to do with ours and prints its container.

usage: verify_envelope.py PUBLIC_KEY_FILE SHOWN_JSON_FILE
"""
import json
import sys

from jwcrypto import jwk, jws

with open(sys.argv[1], "rb") as file:
    key = jwk.JWK.from_pem(file.read())
with open(sys.argv[2], encoding="utf-8") as file:
    text = json.load(file)["envelope"]

envelope = jws.JWS()
envelope.allowed_algs = ["PS256"]
envelope.deserialize(text)
envelope.verify(key)
header = json.loads(envelope.objects["protected"])
assert header["typ"] == "cf-message", header
print(header["alg"], header["kid"])
print(envelope.payload.decode())
