#!/usr/bin/env bash
# Makes a bare Debian or Ubuntu machine able to run the suite: .venv/, and the programs of the
# backing servers that .env does not name. A second run finds its stamps and ends at once.
#
#   deploy/local/bootstrap.sh [postgres] [redis] [rabbitmq]    the servers whose programs are needed
#                             [node]                           for the example in JavaScript, and npm
#                             [wrk] [nginx]                    for the benchmark of the gateway
#                             [faketime]                       for tests, in which clocks go wrong
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '  %s\n' "$*" >&2; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

# --- Debian packages ---------------------------------------------------------------------------

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# A freshly installed server would start at once, on the very ports that another one may hold.
# Debian asks policy-rc.d before it starts anything; ours says no, and is gone afterwards.
policy=/usr/sbin/policy-rc.d
forbid_starting() {
  if as_root test -e $policy; then as_root mv $policy $policy.cinema; fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
}
allow_starting() {
  if as_root test -e $policy.cinema; then as_root mv $policy.cinema $policy; else as_root rm -f $policy; fi
}

install_packages() {
  command -v apt-get >/dev/null ||
    die "Please install these first (Debian's names): $*"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "Not root, and no sudo. Please have these installed: apt-get install $*"
  say "installing Debian packages: $*"
  local log
  log=$(mktemp)
  forbid_starting
  trap allow_starting EXIT
  as_root apt-get update -qq >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1 ||
    { tail -20 "$log" >&2; die "apt-get could not install: $*"; }
  allow_starting
  trap - EXIT
  rm -f "$log"
}

missing=()
for server in "$@"; do
  case $server in
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql) ;;
    redis) command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing+=(redis-server) ;;
    rabbitmq) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing+=(rabbitmq-server) ;;
    node) command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm) ;;
    faketime) compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(libfaketime) ;;
    wrk) command -v wrk >/dev/null || missing+=(wrk) ;;
    nginx) [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || missing+=(nginx-light) ;;
    *) die "unknown server: $server" ;;
  esac
done
python=${PYTHON:-python3}
if command -v "$python" >/dev/null; then
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
else
  missing+=(python3 python3-venv)
fi
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"

# --- .venv -------------------------------------------------------------------------------------

packages=(shared gateway auth-service catalog-service ticketing-service cli)
place="$("$python" -V) $PWD"
wanted=$(cat requirements.lock requirements-dev.lock "${packages[@]/%//pyproject.toml}" | sha256sum)
[ "$place $wanted" != "$(cat .venv/.installed 2>/dev/null)" ] || exit 0

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "Python 3.11 or newer is needed, $("$python" -V) is here. PYTHON=python3.13 make … names another."
say "installing Python packages into .venv (about a minute the first time)"
case $(cat .venv/.installed 2>/dev/null) in
  "$place "*) ;;
  *) "$python" -m venv --clear .venv ;;  # its scripts name the place that it was made in
esac
pip() { .venv/bin/python -m pip -qq --disable-pip-version-check --no-input install "$@"; }
pip --require-hashes -r requirements.lock -r requirements-dev.lock
editable=()
for package in "${packages[@]}"; do editable+=(-e "./$package"); done
pip --no-deps --no-build-isolation "${editable[@]}"
printf '%s' "$place $wanted" >.venv/.installed
