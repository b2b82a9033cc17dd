#!/usr/bin/env bash
# Prints the folder of a language: DIR itself, DIR/LANGUAGE, or DIR/cv-corpus-*/LANGUAGE.
#
# Usage: find_language.sh DIR LANGUAGE
set -euo pipefail
found=()
for folder in "$1" "$1/$2" "$1"/cv-corpus-*/"$2"; do
  if [ -d "$folder/clips" ]; then found+=("$folder"); fi
done
if [ "${#found[@]}" -eq 0 ]; then
  echo "run.sh: error: $1 holds no folder $2/ with clips/ in it; is --language $2 right?" >&2
  exit 2
elif [ "${#found[@]}" -gt 1 ]; then
  echo "run.sh: error: $1 holds several releases of $2; give one of them: ${found[*]}" >&2
  exit 2
fi
echo "${found[0]}"
