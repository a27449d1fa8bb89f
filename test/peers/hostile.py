#!/usr/bin/env python3
"""A trusted host that means harm: signs hostile containers with its own key, by a
JOSE library that has nothing to do with ours, and sends them on a pyzmq socket.
After each, a good message must still be stored. Prints a line a case: the name,
and the status or code it was answered with.

usage: hostile.py PRIVATE_KEY_FILE ENDPOINT
"""
import base64
import hashlib
import json
import sys
import time

import zmq
import zmq.utils.monitor
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwcrypto import jwk, jws

SQL = "'; DROP TABLE host; DELETE FROM messages; --"
SHELL = "$(touch pwned)`touch pwned`;touch pwned|touch pwned"
PATH = "../../../../../../../../tmp/pwned"
POLICY = "$(sys.workdir)${sys.workdir}@(def.jq)$(const.dollar)(sys.workdir)"


def digest(pem):
    """CFEngine's digest of a key: SHA-256 over modulus and exponent."""
    numbers = load_pem_private_key(pem, None).public_key().public_numbers()
    data = b"".join(n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.n, numbers.e))
    return "SHA=" + hashlib.sha256(data).hexdigest()


with open(sys.argv[1], "rb") as file:
    pem = file.read()
own = jwk.JWK.from_pem(pem)
kid = digest(pem)
context = zmq.Context()
number = 0


def connect():
    """A socket, and one that tells when the listener cuts its connection."""
    s = context.socket(zmq.REQ)
    s.setsockopt(zmq.LINGER, 0)
    cut = s.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    s.connect(sys.argv[2])
    return s, cut


socket, cut = connect()


def seal(payload, **header):
    now = int(time.time())
    envelope = jws.JWS(payload if isinstance(payload, bytes) else payload.encode())
    envelope.allowed_algs = ["PS256"]
    protected = {"alg": "PS256", "typ": "cf-message", "kid": kid, "iat": now, "exp": now + 600, **header}
    envelope.add_signature(own, protected=json.dumps(protected))
    return envelope.serialize(compact=True).encode()


def container(content, schema="host", message_id=None, version="1.0"):
    """One container; content is JSON text, for json would not write all of it."""
    global number
    number += 1
    ids = [json.dumps(text) for text in (schema, message_id or f"hostile-{number}", version)]
    return '{%s:{"message_id":%s,"content":%s,"version":%s}}' % (ids[0], ids[1], content, ids[2])


def host(**members):
    return json.dumps({"uqhost": "evil", **members})


def ask(*frames):
    """The receipt's status, or the code of what is refused."""
    global socket, cut
    socket.send_multipart(frames)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(cut, zmq.POLLIN)
    ready = dict(poller.poll(15000))
    if socket not in ready:
        socket.disable_monitor()
        socket.close()
        socket, cut = connect()
        return "cut off" if ready else "no answer"
    parts = socket.recv().split(b".")
    payload = parts[1] if len(parts) > 1 else base64.urlsafe_b64encode(parts[0])
    receipt = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))["receipt"]["content"]
    answer = receipt.get("code", receipt["status"])
    return answer + (" view" if "view" in receipt else "")


def view(name, parameters=None):
    content = {"name": name}
    if parameters is not None:
        content["parameters"] = parameters
    return container(json.dumps(content), "view_request")


signed = {
    "schema: SQL": container(host(), schema=SQL),
    "schema: shell": container(host(), schema=SHELL),
    "schema: path": container(host(), schema=PATH),
    "schema: NUL": container(host(), schema="host\0"),
    "schema: a table": container(host(), schema="sqlite_master"),
    "message_id: SQL": container(host(), message_id=SQL),
    "message_id: shell": container(host(), message_id=SHELL),
    "message_id: path": container(host(), message_id=PATH),
    "message_id: NUL": container(host(), message_id="a\0b"),
    "message_id: dots": container(host(), message_id=".."),
    "version: SQL": container(host(), version="1.0" + SQL),
    "version: path": container(host(), version="1.0/" + PATH),
    "content: SQL": container(host(role=SQL, site={SQL: SQL})),
    "content: shell": container(host(role=SHELL, site={SHELL: SHELL})),
    "content: path": container(host(role=PATH, site={PATH: PATH})),
    "content: null": container('{"uqhost":null}'),
    "content: null inside": container(host(site={"none": None})),
    "content: no object": container("null"),
    "content: exponent": container('{"uqhost":"evil","site":{"n":1e10000000}}'),
    "content: small exponents": container('{"uqhost":"evil","site":{"n":[1e5,1E-7,-1e300,123456789012345678901234567890]}}'),
    "content: long number": container('{"uqhost":"evil","site":{"n":%s}}' % ("9" * 5000)),
    "content: deep": container('{"uqhost":"evil","site":%s1%s}' % ('{"a":' * 20000, "}" * 20000)),
    "content: wide": container(host(site={f"k{n}": n for n in range(50000)})),
    "content: wide, unknown": container(host(**{f"k{n}": n for n in range(20000)})),
    "content: 1.5 MiB": container(host(site={"x": "x" * (3 << 19)})),
    "content: 5 MiB": container(host(site={"x": "x" * (5 << 20)})),
    "content: NUL": container('{"uqhost":"evil\\u0000"}'),
    "content: raw NUL": container('{"uqhost":"evil\0"}'),
    "content: invalid UTF-8": container('{"uqhost":"evil~"}').encode().replace(b"~", b"\xff\xfe"),
    "content: lone surrogate": container('{"uqhost":"evil\\ud800"}'),
    "content: a key twice": container('{"uqhost":"good","\\u0075qhost":"evil"}'),
    "content: another's entity": container(host(entity="SHA=" + "0" * 64)),
    "site data": container('{"domain":"","organisation":"evil"}', "domain"),
    "view: path": view(PATH),
    "view: SQL": view(SQL),
    "view: not for it": view("cmdb"),
    "view: forged sender": view("host_context", {"sender": "SHA=" + "0" * 64}),
    "view: forged asker": view("host_context", {":sender": SQL, "?1": SQL}),
    "view: SQL as a value": view("of_domain", {"domain": SQL}),
    "view: NUL as a value": view("of_domain", {"domain": "\0"}),
    "view: an object": view("of_domain", {"domain": {"$ne": ""}}),
    "view: a number without end": container('{"name":"of_domain","parameters":{"domain":1e999}}', "view_request"),
    "view: a huge whole number": container('{"name":"of_domain","parameters":{"domain":%s}}' % ("9" * 60), "view_request"),
}
plain = container(host())
sealed = {
    "header: kid SQL": seal(plain, kid="SHA=" + SQL),
    "header: kid path": seal(plain, kid=PATH),
    "header: aud shell": seal(plain, aud=SHELL),
    "header: traceparent shell": seal(plain, traceparent=SHELL),
    "header: seq of text": seal(plain, seq=SQL),
    "header: a long one": seal(plain, traceparent="0" * (1 << 20)),
    "not an envelope": SHELL.encode(),
    "nothing": b"",
}
cases = [(name, [seal(payload)]) for name, payload in signed.items()]
cases += [(name, [frame]) for name, frame in sealed.items()]
cases += [("frames", [seal(container(host())), b"more"])]
for name, frames in cases:
    print(f"{name}: {ask(*frames)}", flush=True)
    good = ask(seal(container(host(role=POLICY, site={"text": POLICY, "text2": SQL}))))
    if good != "stored view":
        sys.exit(f"after {name} a good message is answered {good}")
