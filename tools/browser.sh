#!/bin/sh
# See that there is a Chromium, which measures reports for `make test-browser`; on Debian, install it.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'installing chromium (about 400 MB)\n'
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o Acquire::Retries=3
    exec apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends chromium fonts-dejavu-core
fi
printf 'no Chromium here. Install it (Debian, Ubuntu: apt-get install chromium), then try again\n' >&2
exit 1
