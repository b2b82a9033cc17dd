#!/usr/bin/env bash
# Fetches a tar.gz archive and unpacks one folder of wav files from it.
#
# Usage: fetch_archive.sh URL FOLDER_IN_ARCHIVE NUM_WAVS DIR
#
# The result is DIR/<last part of FOLDER_IN_ARCHIVE>; it appears only when it holds NUM_WAVS wav
# files. An interrupted download goes on where it stopped. Needs curl or wget.
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

[ $# -eq 4 ] || fail "usage: ${0##*/} URL FOLDER_IN_ARCHIVE NUM_WAVS DIR" 2
url=$1 folder=$2 num_wavs=$3 target_dir=$4
target=$target_dir/${folder##*/}
archive=$target_dir/${folder##*/}.tar.gz

if [ -d "$target" ]; then
  echo "$target is there already"
  exit 0
fi
mkdir -p "$target_dir" || fail "cannot make the folder $target_dir" 2
if [ ! -f "$archive" ]; then
  fetch "$url" "$archive.part" ||
    fail "cannot fetch $url; the same command goes on with what it got in $archive.part"
  mv "$archive.part" "$archive"
fi

unpacked=$(mktemp -d "$target_dir/.unpack.XXXXXX")
trap 'rm -rf "$unpacked"' EXIT
if ! tar -xzf "$archive" -C "$unpacked" 2> "$unpacked/tar.log"; then
  rm "$archive"
  fail "$url gave a damaged archive; run the same command to fetch it again"
fi
[ -d "$unpacked/$folder" ] || fail "$archive holds no folder $folder"
found=$(find "$unpacked/$folder" -maxdepth 1 -name '*.wav' | wc -l)
[ "$found" -eq "$num_wavs" ] || fail "$archive holds $found wav files in $folder, not $num_wavs"
mv "$unpacked/$folder" "$target"
rm "$archive"
echo "$target: $found wav files"
