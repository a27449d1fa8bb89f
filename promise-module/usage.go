package main

import (
	"fmt"
	"runtime/debug"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/zmq"
)

// version is set by the build; see moduleVersion.
var version string

const usage = `messages - the promise module of CFEngine's messages: promises

Usage:
  messages                          speak CFEngine's promise protocol on stdin and
                                    stdout; cf-agent starts it so
  messages send [OPTION...]         send one message by hand, as a promise would
  messages outbox list [--json]     what waits for its listener, and what was dropped
  messages outbox show ID [--json]  one message whole; ID is a message id, or the
                                    name of a file in the outbox
  messages outbox retry [ID...] [--json]
                                    send what waits, or these, now
  messages outbox purge ID...|--all remove these, or all, unsent
  messages key [--json]             this host's key digest and public key; with --json
                                    its CURVE key too, once it has one
  messages view write               put a published view, a container on stdin, where
                                    policy reads it: WORKDIR/state/messages/views/
                                    <name>.json; for a handler (exec) of this host's
                                    listener
  messages --version, --help

messages send:
  --schema ID                       the template (required)
  --content JSON|@FILE|-            the content; @FILE reads a file, - stdin (required)
  --to ENDPOINT                     the listener, such as tcp://hub.example.com:5309;
                                    repeat it for others, in order of preference,
                                    or give policy's {"endpoints": [], "key": "",
                                    "server_key": "", "enrol": []}
                                    (default: messages.json beside the module)
  --version V                       version of the template (default: the newest)
  --pattern P                       request, publish, push or pair (async_request is
                                    a request here: a person waits for the receipt)
  --ATTRIBUTE VALUE                 any other attribute of the promise: message_id,
                                    timeout, retries, repeat (default: always),
                                    refresh, outbox (default: false: what is not
                                    delivered does not wait), expires and priority
                                    (in the outbox), sign, encrypt_to, reply_file,
                                    provide, topic (publish), split (push),
                                    receipt (pair), server_key (the listener's
                                    curve.pub: CURVE, and nobody else is spoken
                                    to), enrol (the endpoint where it takes this
                                    host's own CURVE key)
  --json                            print the receipt as one JSON object

The work directory is $CFENGINE_TEST_OVERRIDE_WORKDIR, else the one that this
binary lies in (WORKDIR/modules/promises/messages), else /var/cfengine or
/var/lib/cfengine3. Keys are in WORKDIR/ppkeys, state in WORKDIR/state/messages,
schemas of the site in the folder schemas beside the binary.

Exit codes: 0 done, 1 failed, 2 usage.

In policy:
  promise agent messages { path => "$(sys.workdir)/modules/promises/messages"; }

  bundle agent announce
  {
    messages:
      "host"
        content => '{ "uqhost": "$(sys.uqhost)", "domain": "$(sys.domain)" }',
        to => "tcp://hub.example.com:5309";
  }

Example:
  messages send --schema host --content '{"uqhost":"www1"}' --to tcp://127.0.0.1:5309
`

// onTerminal is what a person sees who starts the module by its name.
const onTerminal = `This is the promise module of CFEngine's messages: promises: cf-agent starts it.
By hand it sends a message (messages send), shows what waits (messages outbox list)
or this host's key (messages key).
messages --help tells more.
`

// moduleVersion is what the build says of itself.
func moduleVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

func versionText() string {
	return fmt.Sprintf("messages %s, libzmq %s, signatures by %s", moduleVersion(), zmq.Version(), hostkey.Signer())
}
