#!/bin/sh
# Makes sure that promtool, which checks the metrics in the tests, is there. As root on Debian it is
# installed; elsewhere the command that installs it is named, and the tests that need it are skipped
# (never with CI=true).
set -eu
if command -v promtool >/dev/null 2>&1; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing promtool (Debian package prometheus) for the tests."
  # The package would start a server; the tests only need its tool.
  mkdir -p /usr/sbin
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null || true
fi
if ! command -v promtool >/dev/null 2>&1; then
  echo "promtool is missing: install it with  apt-get install prometheus  (its tests are skipped)."
  [ "${CI:-}" != true ] || exit 1
fi
