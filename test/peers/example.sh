#!/bin/sh
# Prints the policy example that holds a bundle, out of policy/README.md, with
# the declaration before it and a bundle that runs it; its endpoints are the
# story's.
#
# usage: example.sh BUNDLE
cat "$POLICY/enable.cf"
awk -v head="bundle agent $1" '
  /^```cf3/ { take = 1; text = ""; next }
  /^```/ { if (take && index(text, head "\n") == 1) printf "%s", text; take = 0 }
  take { text = text $0 "\n" }' "$POLICY/README.md" |
  sed -e "s,hub.example.com:5309,127.0.0.1:$PORT,; s,hub.example.com:5310,127.0.0.1:$PUB,
    s,hub.example.com:5311,127.0.0.1:$PUSH,; s,hub.example.com:5312,127.0.0.1:$PAIR,
    s,spare.example.com:5309,127.0.0.1:$PORT,"
printf 'bundle agent __main__\n{\n  methods:\n    "%s";\n}\n' "$1"
