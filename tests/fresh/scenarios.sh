#!/usr/bin/env bash
# The scenarios of tests/fresh/run, in a mount namespace of their own.   Usage: scenarios.sh FOLDER [SCENARIO...]
set -euo pipefail
folder=$1
shift
root="$folder/root"
home=/home/user
logs="$folder/logs"
mkdir -p "$logs"

# ---- the root ---------------------------------------------------------------------------------------------------------------------

# new_root [BASE]: a root with nothing but python3, make, g++ and git, this checkout for root and for a user without sudo.
new_root() {
  # Lazily: a process of the last scenario may still hold one.
  umount -R -l "$root/proc" "$root/dev" "$root/tmp" "$root/wheels" 2>/dev/null || true
  rm -rf --one-file-system "$root"
  cp -a "$folder/${1:-base}" "$root"
  mkdir -p "$root/wheels" "$root/proc" "$root/dev"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  trust_as_here
  [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
  if [ "${FERRY_FRESH_TORCH:-}" != pip ] && [ -d "${PIP_FIND_LINKS:-/nowhere}" ]; then mount --bind "$PIP_FIND_LINKS" "$root/wheels"; fi
  useradd --root "$root" --create-home --shell /bin/bash user
  local owner
  for owner in root:/root user:"$home"; do
    mkdir "$root${owner#*:}/torchferry"
    tar -xf "$folder/checkout.tar" -C "$root${owner#*:}/torchferry"
    chroot "$root" chown -R "${owner%:*}:" "${owner#*:}/torchferry"
  done
}

# Its programs trust the certificates that this machine trusts.
trust_as_here() {
  mkdir -p "$root/etc/ssl/certs"
  [ ! -e "${SSL_CERT_FILE:-/nowhere}" ] || cp -L "$SSL_CERT_FILE" "$root/etc/ssl/certs/ca-certificates.crt"
}

# in_root USER FOLDER COMMAND: run a shell command there, with this machine's pip and certificates and nothing else of its environment.
in_root() {
  local user_home=$home
  [ "$1" != root ] || user_home=/root
  chroot --userspec="$1:$1" "$root" env -i HOME="$user_home" USER="$1" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_FIND_LINKS=/wheels PIP_DEFAULT_TIMEOUT=180 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt LANG=C.UTF-8 \
    bash -c "cd \"\$1\" && $3" bash "$2"
}

fail() { echo "FAILED $scenario: $1; see $log"; tail -n 25 "$log"; exit 1; }

# works USER FOLDER COMMAND: it ends with 0.
works() { echo "--- $1 $2: $3" >>"$log"; in_root "$@" >>"$log" 2>&1 || fail "$3 in $2 as $1"; }

# refuses USER FOLDER COMMAND WORDS: it fails, and its last lines have these words.
refuses() {
  echo "--- $1 $2: $3 (is to fail)" >>"$log"
  ! in_root "$1" "$2" "$3" >>"$log" 2>&1 || fail "$3 in $2 as $1 was to fail"
  tail -n 4 "$log" | grep -qF "$4" || fail "no '$4' said"
}

# interrupted USER FOLDER COMMAND PATTERN: the command is killed without warning when its output has that pattern.
interrupted() {
  local output="$folder/interrupted.log"
  : >"$output"
  echo "--- $1 $2: $3 (killed at '$4')" >>"$log"
  in_root "$1" "$2" "exec setsid $3" >"$output" 2>&1 &
  local waited=0
  until grep -qE "$4" "$output"; do
    sleep 0.2
    waited=$((waited + 1))
    [ "$waited" -lt 6000 ] || fail "no '$4' within 20 minutes"
  done
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/root" 2>/dev/null)" != "$root" ] || kill -9 "${process#/proc/}" 2>/dev/null || true
  done
  wait || true
  cat "$output" >>"$log"
}

demo_passes() { works "$1" "$2" "${3:-make demo} > demo.out 2>&1 || { cat demo.out; exit 1; }; grep -c PASS demo.out; ! grep FAIL demo.out"; }

# ---- scenarios --------------------------------------------------------------------------------------------------------------------

# Root installs what is missing; a second demo finds everything done.
as_root() {
  new_root
  demo_passes root /root/torchferry
  demo_passes root /root/torchferry
  works root /root/torchferry "make test-quick"
}

# A user without sudo is told what to have installed; then everything works, also with what shells of other projects have.
as_user() {
  new_root
  refuses user "$home/torchferry" "make demo" "sudo apt-get install python3"
  works root / "apt-get update -qq && apt-get install -y -qq python3-venv nlohmann-json3-dev libcli11-dev libgtest-dev libbenchmark-dev libsodium-dev libstb-dev libjpeg-dev libseccomp-dev"
  demo_passes user "$home/torchferry" "umask 077; PYTHONPATH=/nowhere PIP_USER=1 VIRTUAL_ENV=/nowhere make -j8 demo"
  works user "$home/torchferry" "make test-quick"
}

# After as_user: the checkout with its .venv and build moved, into a folder with spaces and letters that are not ASCII, and linked.
moved() {
  local there="$home/my projects/törch ferry"
  works user "$home" "mkdir 'my projects' && mv torchferry '$there'"
  demo_passes user "$there"
  works user "$there" "make test-quick"
  works user "$home" "ln -s '$there' link"
  demo_passes user "$home/link"
  works root / "apt-get remove -y -qq git && chmod a-w $home"
  demo_passes user "$there"
  works root / "chmod u+w $home"
}

# Killed while pip installs, while CMake configures, while the compiler runs: the same command again goes on.
killed() {
  new_root
  interrupted root /root/torchferry "make demo" "^Installing collected packages"
  interrupted root /root/torchferry "make demo" "compiler ABI info"
  interrupted root /root/torchferry "make demo" "^\[5/"
  demo_passes root /root/torchferry
  works root /root/torchferry "rm build/build.ninja && make demo"
}

# The Dockerfile's RUN lines in the root that its image begins with, and its last stage: small, without a shell, used by nobody.
image() {
  new_root slim
  mv "$root/root/torchferry" "$root/src"
  local dockerfile="$root/src/cpp/examples/image/Dockerfile" line made="$root/root-folder"
  sed -e ':again' -e '/\\$/{N;s/\\\n//;t again' -e '}' "$dockerfile" | sed -n 's/^RUN //p' >"$folder/run-lines"
  [ "$(wc -l <"$folder/run-lines")" -eq 2 ] || fail "two RUN lines are expected in the Dockerfile"
  while IFS= read -r line <&3; do
    works root /src "$line"
    trust_as_here # the first line installs Debian's
  done 3<"$folder/run-lines"
  works root /src "PYTHONPATH=tests .venv/bin/ferry export builders.models:Classifier --input 'image=uint8[N,4,4]:0..255' --output logits \
    --output probabilities --output label --to c,executorch --out /root-folder/bundle && chmod -R a+rX /root-folder/bundle"
  echo "the last stage: $(du -sk --exclude=bundle "$made" | cut -f1) KiB" | tee -a "$log"
  [ "$(du -sk --exclude=bundle "$made" | cut -f1)" -lt $((60 * 1024)) ] || fail "the last stage is not below 60 MiB"
  [ -z "$(find "$made/bin" "$made/usr/bin" -name '*sh' 2>/dev/null)" ] || fail "the last stage has a shell"
  # What a container has.
  mount -t proc proc "$made/proc"
  mount --rbind /dev "$made/dev"
  local engine
  for engine in c executorch; do
    echo "--- nobody: verify --engine $engine" >>"$log"
    chroot --userspec=65534:65534 "$made" /usr/bin/ferry-run verify /bundle --engine "$engine" --allow-native >>"$log" 2>&1 ||
      fail "verify --engine $engine"
  done
  umount -R -l "$made/proc" "$made/dev"
}

for scenario in "${@:-as_root as_user moved killed image}"; do
  for scenario in $scenario; do
    log="$logs/$scenario.log"
    : >"$log"
    started=$SECONDS
    "$scenario"
    echo "PASSED $scenario ($((SECONDS - started)) s)"
  done
done
