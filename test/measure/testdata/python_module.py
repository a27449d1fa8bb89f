#!/usr/bin/python3
"""A promise type as one would write it in Python on CFEngine's own library
(cfengine_module_library.py of github.com/cfengine/modules, which must lie beside
it): sends the content to a listener, unsigned, and waits for its answer. repeat =>
"kept" does nothing but look, as a promise that is kept would.
"""
import json
import uuid

import zmq

from cfengine_module_library import PromiseModule, Result


class Messages(PromiseModule):
    def __init__(self):
        super().__init__("python_messages_promise_module", "1.0")
        self.add_attribute("schema", str, required=True)
        self.add_attribute("content", str, required=True)
        self.add_attribute("to", str, required=True)
        self.add_attribute("repeat", str, default="always")
        self.sockets = {}

    def validate_promise(self, promiser, attributes, metadata):
        pass

    def evaluate_promise(self, promiser, attributes, metadata):
        content = json.loads(attributes["content"])
        if attributes["repeat"] == "kept":
            return Result.KEPT
        container = {attributes["schema"]: {"message_id": str(uuid.uuid4()), "content": content, "version": "1.0"}}
        socket = self.socket(attributes["to"])
        socket.send(json.dumps(container).encode())
        socket.recv()
        self.log_info("Message %s sent to %s" % (promiser, attributes["to"]))
        return Result.REPAIRED

    def socket(self, endpoint):
        if endpoint not in self.sockets:
            self.sockets[endpoint] = zmq.Context.instance().socket(zmq.REQ)
            for option in (zmq.SNDTIMEO, zmq.RCVTIMEO):
                self.sockets[endpoint].setsockopt(option, 5000)
            self.sockets[endpoint].setsockopt(zmq.LINGER, 0)
            self.sockets[endpoint].connect(endpoint)
        return self.sockets[endpoint]


if __name__ == "__main__":
    Messages().start()
