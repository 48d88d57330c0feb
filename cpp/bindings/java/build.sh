#!/bin/sh
# Builds torchferry.jar and libferry_jni.so into the folder $1 (default: build) against libferry, which FERRY_INCLUDE_DIR and
# FERRY_LIB_DIR or torchferry-config name.
set -eu
target=${1:-build}
mkdir -p "$target/classes"
target=$(cd "$target" && pwd)
cd "$(dirname "$0")"
include=${FERRY_INCLUDE_DIR:-$(torchferry-config --includedir)}
library=${FERRY_LIB_DIR:-$(torchferry-config --libdir)}
java_home=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
javac --release 11 -Xlint:all -Werror -d "$target/classes" io/torchferry/*.java Crossing.java
jar --create --file "$target/torchferry.jar" -C "$target/classes" io
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -fPIC -fvisibility=hidden -shared -I"$java_home/include" -I"$java_home/include/linux" -I"$include" \
  jni_*.c -o "$target/libferry_jni.so" -L"$library" -lferry "-Wl,-rpath,$library"
