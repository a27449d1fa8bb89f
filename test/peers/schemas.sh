#!/bin/sh
# Puts a folder of schemas beside the module of nodes.
#
# usage: schemas.sh FOLDER NODE...
folder=$1
shift
for node; do
  mkdir -p "$node/modules/promises/schemas"
  cp -R "$folder/." "$node/modules/promises/schemas"
done
