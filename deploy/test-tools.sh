#!/bin/sh
# Makes sure that the programs which the tests run are there: Kafka (its jars, by Maven, into .cache/), Redis,
# Alertmanager, promtool, which checks the metrics, and Chromium, which opens the console. As root on Debian the
# missing ones are installed; elsewhere the command that installs them is named, and the tests that need them are skipped (never with CI=true).
set -eu
cd "$(dirname "$0")/.."

java_package() {
  # Kafka 4 needs Java 17 or later; a newer Debian has only a later one.
  if apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
    echo openjdk-17-jre-headless
  else
    echo default-jre-headless
  fi
}

# Prints the Debian packages of the programs that are not there.
missing_packages() {
  command -v promtool >/dev/null 2>&1 || echo prometheus
  command -v prometheus-alertmanager >/dev/null 2>&1 || echo prometheus-alertmanager
  command -v redis-server >/dev/null 2>&1 || echo redis-server
  command -v kcat >/dev/null 2>&1 || echo kcat
  command -v jq >/dev/null 2>&1 || echo jq
  command -v chromium >/dev/null 2>&1 || echo chromium
  command -v openssl >/dev/null 2>&1 || echo openssl
  command -v java >/dev/null 2>&1 || java_package
  command -v mvn >/dev/null 2>&1 || echo maven
}

install_packages() {
  # Some of the packages would start a server; the tests start their own.
  mkdir -p /usr/sbin
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq || true
  # After the update: which Java there is may be known only now. One by one: one that is not there must not
  # keep the others away.
  for package in $(missing_packages); do
    echo "Installing $package (Debian package) for the tests."
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null || true
  done
}

missing=$(missing_packages)
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  install_packages
  missing=$(missing_packages)
fi
failed=
if [ -n "$missing" ]; then
  echo "Missing for the tests: install with  apt-get install" $missing " (the tests that need them are skipped)."
  failed=yes
fi
# Before the tests start, so that none of them waits for Maven. The sentence says what is wrong.
python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-python3}
"$python" -m deploy.servers fetch || failed=yes
[ -z "$failed" ] || [ "${CI:-}" != true ] || exit 1
