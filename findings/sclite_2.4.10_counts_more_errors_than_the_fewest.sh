#!/usr/bin/env bash
# sclite's error rate is not that of the fewest errors.
#
# sclite 2.4.10 (Debian package sctk 2.4.10-20151007-1312Z+dfsg2-3.1) aligns with weights:
# 4 for a substitution, 3 for an insertion or a deletion. Five substitutions weigh 20, three deletions
# and three insertions 18. So it counts 6 errors and 120 % for
#   REF  1 2 3 a b        HYP  a b 4 5 6
# where jiwer 4.0.0, like every count by plain Levenshtein distance, has 5 errors and 100 %. The option
# that changes the weights (-w) takes weights of words, not of edits. On texts with few errors in a row
# both agree; on bad hypotheses, and with shifted repetitions, sclite's rate is the higher one.
#
# Needs bash, apt-get with Debian 12 (bookworm) as its source, python3 with venv. Exits with 1 when a
# program says something else.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download sctk=2.4.10-20151007-1312Z+dfsg2-3.1 > download.log 2>&1
dpkg --extract sctk_*.deb sctk
python3 -m venv venv
venv/bin/pip install --quiet jiwer==4.0.0

printf '1 2 3 a b (s_1)\n' > ref.trn
printf 'a b 4 5 6 (s_1)\n' > hyp.trn
sclite=$(sctk/usr/lib/sctk/bin/sclite -r ref.trn trn -h hyp.trn trn -i spu_id -o rsum stdout |
  sed -n 's/^ *| Sum *|//p' | tr -d '|' | tr -s ' ')
jiwer=$(venv/bin/python -c '
import jiwer
print(jiwer.process_words("1 2 3 a b", "a b 4 5 6").wer)')
echo "sclite (sentences, words, correct, substitutions, deletions, insertions, errors, wrong):$sclite"
echo "jiwer: $jiwer"
[ "$sclite" = " 1 5 2 0 3 3 6 1 " ] && [ "$jiwer" = 1.0 ]
