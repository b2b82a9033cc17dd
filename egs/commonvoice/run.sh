#!/usr/bin/env bash
# Common Voice: sentences read by volunteers, any of its languages.
#
#   bash egs/commonvoice/run.sh --corpus-dir DIR --language cy    DIR holds the release, or one language
#
# Options of this recipe:
#   --language CODE       of Common Voice: en, zh-CN, ja, cy, ...
#   --tokens WHAT         characters, conf (what the conf file says), or auto: characters for languages
#                         written without spaces and for Korean, else what the conf file says
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

language=en
tokens=auto
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

case $language in
  zh* | yue | nan-tw | ja | th | lo | my | km | ko) unit=char automatic=characters ;;
  *) unit=word automatic=conf ;;
esac
case $language in
  en) normaliser=english ;;
  zh*) normaliser=mandarin ;;
  *) normaliser=none ;; # case and punctuation count
esac
if [ "$tokens" = auto ]; then tokens=$automatic; fi
ours=
case $tokens in
  characters) ours="tokenizer=CharTokenizer tokenizer_params={}" ;;
  conf) rehearsal_overrides="tokenizer_params.vocab_size=34" ;;
  *) option_error "--tokens takes characters, conf or auto, not '$tokens'" ;;
esac
overrides="$ours tokenizer_params.normaliser=$normaliser $overrides" # the user's own come last
data=data/$language results=results/$language
exp_name=${exp_name:-${language}_$(basename "${train_config%.*}")}
recipe_begin "$@"

need_corpus_dir "Common Voice needs an account at https://mozilladatacollective.com"
if [ -n "$corpus_dir" ]; then
  corpus_dir=$(bash local/find_language.sh "$corpus_dir" "$language") || exit $?
fi
make_tables common-voice "$language" train=train dev=dev test=test
standard_stages "$data/tables" train dev test
