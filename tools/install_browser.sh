#!/usr/bin/env bash
# Makes sure that there is a browser for the tests of the server's page: one that is here, else
# Debian's chromium where this user may install it.
#
#   --find   print the path of the browser that is here and install nothing; 1 where there is none
#
# The environment variable ASR_BROWSER names another Chromium than the first on the PATH.
set -euo pipefail

readonly names=(chromium chromium-browser google-chrome google-chrome-stable)
readonly mac='/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'

find_browser() {
  local name
  if [[ -n ${ASR_BROWSER:-} ]]; then
    command -v "$ASR_BROWSER"
    return
  fi
  for name in "${names[@]}" "$mac"; do
    command -v "$name" && return
  done
  return 1
}

if [[ ${1:-} == --find ]]; then
  find_browser
  exit
fi
if (($#)); then
  printf '%s: error: there is no option %s\n' "${0##*/}" "$1" >&2
  exit 2
fi
find_browser && exit
if [[ -z ${ASR_BROWSER:-} && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "installing chromium"
  # Nothing of what apt-get says matters more than that there is a browser afterwards.
  export DEBIAN_FRONTEND=noninteractive
  patience=(-o Acquire::Retries=0 -o Acquire::http::Timeout=30)
  {
    apt-get "${patience[@]}" update
    apt-get "${patience[@]}" install --yes --no-install-recommends chromium
  } &>/dev/null || true
  find_browser && exit
fi
printf '%s: there is no browser, so the tests of the page will be skipped. Install Chromium or Chrome%s\n' \
  "${0##*/}" ", or name one by ASR_BROWSER." >&2
exit 1
