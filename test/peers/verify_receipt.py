#!/usr/bin/env python3
"""Verifies a listener's receipt with a JOSE library that has nothing to do with
ours, as DESIGN.md section 4 has it: the header's cert under the listener's host
key, and the receipt under the key that the cert gives. Prints its container.

usage: verify_receipt.py PUBLIC_KEY_FILE RECEIPT_FILE
"""
import json
import sys
import time

from jwcrypto import jwk, jws


def opened(text, algorithm, key):
    """The header and the payload of a JWS that holds."""
    envelope = jws.JWS()
    envelope.allowed_algs = [algorithm]
    envelope.deserialize(text)
    envelope.verify(key)
    return json.loads(envelope.objects["protected"]), envelope.payload


with open(sys.argv[1], "rb") as file:
    host = jwk.JWK.from_pem(file.read())
with open(sys.argv[2], encoding="utf-8") as file:
    receipt = file.read().strip()
unproved = jws.JWS()
unproved.deserialize(receipt)
cert = json.loads(unproved.objects["protected"])["cert"]
_, vouched = opened(cert, "PS256", host)
vouched = json.loads(vouched)
assert vouched["exp"] > time.time(), vouched
header, payload = opened(receipt, "EdDSA", jwk.JWK(**vouched["jwk"]))
print(header["alg"], header["kid"])
print(payload.decode())
