#!/bin/sh
# Puts nodes' key digests into files, in the place of DIGEST_OF_<node>.
#
# usage: digests.sh MODULE "NODE..." FILE...
module=$1 nodes=$2
shift 2
for node in $nodes; do
  digest=$(CFENGINE_TEST_OVERRIDE_WORKDIR=$node "$module" key | head -n 1)
  sed -i "s/DIGEST_OF_$(basename "$node")/$digest/g" "$@"
done
