# Options for decoding the splits as live speech, with error rates and delays:
#   --stream-chunks "A …" in chunks of so many milliseconds (640 320 160 where the conf trains on
#                         chunks of all sizes, its own where on one, else none; none: do not). What
#                         --methods adds to its names is added to the live passes too: with joint
#                         and joint+ngram they run once without and once with +ngram
#
# shellcheck shell=bash
# To be sourced by utils/recipe.sh.
# shellcheck disable=SC2154 # the variables of utils/recipe.sh

stream_chunks=

# To be called from recipe_begin, once asr config has told what the conf trains on.
live_speech_begin() {
  local chunk
  stream_chunks=${stream_chunks:-$live_chunks}
  if [ "$stream_chunks" = none ]; then stream_chunks=; fi
  for chunk in $stream_chunks; do
    if [[ ! $chunk =~ ^[1-9][0-9]*(\.[0-9]+)?$ ]]; then
      option_error "--stream-chunks takes milliseconds, such as '640 320', or none, not '$chunk'"
    fi
  done
}

# The folders of split $1 decoded as live speech, one a chunk and pass, for each set of extras; or
# for the set $2 alone.
live_speech_folders() {
  local chunk method extras
  for extras in ${2:-$live_extras}; do
    for chunk in $stream_chunks; do
      for method in $live_methods; do
        printf '%s\n' "$exp_dir/decode/$1/streaming-${chunk}ms-$method${extras#none}"
      done
    done
  done
}

# Stage 5. decode_live_speech SPLIT.
decode_live_speech() {
  local split=$1 extras folder chunk title arguments=() outputs
  for chunk in $stream_chunks; do arguments+=(--chunk-ms "$chunk"); done
  for extras in $live_extras; do
    title="streaming of $split" outputs=()
    if [ "$extras" != none ]; then title+=" with $extras"; fi
    for folder in $(live_speech_folders "$split" "$extras"); do
      outputs+=(--out "$folder/summary.json" --out "$folder")
    done
    select_resources "$extras"
    run_stage 5 "$title" --in "$exp_dir/bundle" --in "$(cuts_of "$split")" \
      "${selected_inputs[@]}" "${outputs[@]}" \
      -- asr stream --bundle "$exp_dir/bundle" --cuts "$(cuts_of "$split")" --split "$split" \
      --output-dir "$exp_dir/decode/$split" "${arguments[@]}" "${selected_resources[@]}"
  done
}
