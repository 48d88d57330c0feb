#!/bin/sh
# Builds build/ferry.node against libferry, which FERRY_INCLUDE_DIR and FERRY_LIB_DIR or torchferry-config name.
set -eu
cd "$(dirname "$0")"
include=${FERRY_INCLUDE_DIR:-$(torchferry-config --includedir)}
library=${FERRY_LIB_DIR:-$(torchferry-config --libdir)}
target=${FERRY_NODE_TARGET:-build/ferry.node}
# Beside the program, or where Debian's libnode-dev puts them.
for headers in "$(dirname "$(dirname "$(node -p process.execPath)")")/include/node" /usr/include/node /usr/include/nodejs/src; do
  if [ -f "$headers/node_api.h" ]; then
    mkdir -p "$(dirname "$target")"
    exec "${CC:-cc}" -std=c11 -O2 -Wall -Wextra -fPIC -fvisibility=hidden -shared -I"$headers" -I"$include" *.c -o "$target" \
      -L"$library" -lferry "-Wl,-rpath,$library"
  fi
done
echo "error: node_api.h: not found, expected the headers of node; on Debian: apt-get install libnode-dev" >&2
exit 5
