#!/usr/bin/env bash
# Fetches an archive of a corpus and unpacks it.
#
# Usage: fetch_corpus.sh URL CHECKSUM DIR
#
# CHECKSUM is md5:… or sha256:… as the source publishes it, or none. The archive (.tar.gz, .tgz, .tar
# or .zip) is unpacked beside DIR's own content and moved into it when it is whole.
# DIR/.fetched/<archive> is written last and names what the archive holds at its top; as long as that
# is there, the archive is not fetched again. An interrupted download goes on where it stopped. Needs
# curl or wget, and unzip for .zip files. KEEP_ARCHIVES=1 keeps the archive in DIR/.archives.
set -euo pipefail

fail() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# fetch URL FILE
fetch() {
  if command -v curl > /dev/null; then
    local status=0
    curl --fail --location --retry 3 --continue-at - --output "$2" "$1" || status=$?
    if [ "$status" -eq 33 ]; then # the server cannot continue: start afresh
      status=0
      curl --fail --location --retry 3 --output "$2" "$1" || status=$?
    fi
    return "$status"
  elif command -v wget > /dev/null; then
    wget --tries 3 --continue --output-document "$2" "$1"
  else
    fail "needs curl or wget; install one of them" 2
  fi
}

# check FILE CHECKSUM
check() {
  local found
  case $2 in
    none) return 0 ;;
    md5:*) found=md5:$(md5sum < "$1") ;;
    sha256:*) found=sha256:$(sha256sum < "$1") ;;
  esac
  [ "${found%% *}" = "$2" ]
}

# unpack FILE DIR
unpack() {
  case $1 in
    *.tar.gz | *.tgz) tar -xzf "$1" -C "$2" ;;
    *.tar) tar -xf "$1" -C "$2" ;;
    *.zip) unzip -q -o "$1" -d "$2" ;;
  esac
}

# merge FROM TO: moves what FROM holds into TO; folders that are in both are merged.
merge() {
  local entry target
  for entry in "$1"/* "$1"/.[!.]*; do
    target=$2/${entry##*/}
    if [ ! -e "$entry" ] && [ ! -L "$entry" ]; then
      continue # a pattern that stands for nothing
    elif [ -d "$target" ] && [ -d "$entry" ] && [ ! -L "$entry" ]; then
      merge "$entry" "$target"
    else
      mv -f "$entry" "$target"
    fi
  done
}

# is_fetched: whether all that the archive holds at its top is in $dir.
is_fetched() {
  local entry
  [ -e "$marker" ] || return 1
  while IFS= read -r entry; do
    [ -e "$dir/$entry" ] || return 1
  done < "$marker"
}

[ $# -eq 3 ] || fail "usage: ${0##*/} URL CHECKSUM DIR" 2
url=$1 checksum=$2 dir=$3
name=${url##*/}
name=${name%%\?*}
case $name in
  *.tar.gz | *.tgz | *.tar | *.zip) ;;
  *) fail "$url is no archive that can be unpacked: .tar.gz, .tgz, .tar or .zip" 2 ;;
esac
case $checksum in
  none | md5:* | sha256:*) ;;
  *) fail "a checksum is md5:…, sha256:… or none, not $checksum" 2 ;;
esac
marker=$dir/.fetched/$name
archive=$dir/.archives/$name
unpacked=$dir/.archives/$name.unpacked
if is_fetched; then
  echo "$name is in $dir already"
  exit 0
fi
mkdir -p "$dir/.fetched" "$dir/.archives" || fail "cannot make the folder $dir" 2
if [ ! -e "$archive" ]; then
  fetch "$url" "$archive.part" ||
    fail "cannot fetch $url; the same command goes on with what it got in $archive.part"
  mv "$archive.part" "$archive"
fi
if ! check "$archive" "$checksum"; then
  rm "$archive"
  fail "$name is not what its source publishes ($checksum); run the same command to fetch it again"
fi
rm -rf "$unpacked" # of a run that was killed
mkdir "$unpacked"
if ! unpack "$archive" "$unpacked" 2> "$archive.log"; then
  rm -rf "$archive" "$unpacked"
  fail "$name cannot be unpacked (see $archive.log); run the same command to fetch it again"
fi
entries=$(ls -A "$unpacked")
merge "$unpacked" "$dir"
rm -rf "$unpacked" "$archive.log"
if [ "${KEEP_ARCHIVES:-0}" != 1 ]; then
  rm "$archive"
  rmdir --ignore-fail-on-non-empty "$dir/.archives"
fi
printf '%s\n' "$entries" > "$marker.part"
mv "$marker.part" "$marker"
echo "$name is unpacked in $dir"
