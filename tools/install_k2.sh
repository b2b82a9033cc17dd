#!/usr/bin/env bash
# Installs k2, which the methods named k2-… and LF-MMI need: the newest wheel of k2's own wheel
# pages that was built for the installed torch, Python and processor.
#
#   --python PROGRAM   the Python to install for (default: .venv/bin/python, else python3)
#   --device DEVICE    cpu, cuda, or auto: cuda where torch sees a GPU (default: auto)
#   --page PAGE        address or file of a wheel page (default: k2's, for the device)
#   --dry-run          print the wheel's address and install nothing
#
# Where k2 has no wheel for the installed torch, the torch versions that have one are named.
# shellcheck disable=SC2034  # options are read by name
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
python=
device=auto
page=
dry_run=false
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

readonly wheel_pages=https://k2-fsa.github.io/k2
readonly from_source=$wheel_pages/installation/from_source.html

fail() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# Prints what decides which wheel fits: torch's version, CUDA's (or cpu), Python's tag, the machine.
describe_python() {
  "$python" -c '
import platform, sys
try:
    import torch
except ImportError:
    sys.exit("no torch")
cuda = torch.version.cuda if torch.cuda.is_available() else None
if sys.argv[1] != "auto":
    cuda = torch.version.cuda if sys.argv[1] == "cuda" else None
system = {"linux": "linux", "darwin": "macosx"}.get(sys.platform, "win")
print(torch.__version__.partition("+")[0], f"cuda{cuda}" if cuda else "cpu",
      "cp%d%d" % sys.version_info[:2], system, platform.machine().lower())
' "$device" 2>/dev/null
}

# Prints the page $1, a file or an address.
read_page() {
  if [[ $1 == *://* ]]; then
    "$python" -c '
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as page:
    sys.stdout.write(page.read().decode())
' "$1" 2>/dev/null
  else
    cat -- "$1" 2>/dev/null
  fi
}

# Prints `name address` of every wheel that the page on standard input links to.
list_wheels() {
  local address name
  { grep -oE 'href="[^"]+\.whl"' || true; } | while IFS= read -r address; do
    address=${address#href=\"} address=${address%\"}
    name=${address##*/} name=${name//%2B/+}
    case $address in
      *://*) ;;
      *) address=${page%/*}/${address#./} ;;
    esac
    echo "$name $address"
  done
}

if [[ -z $python ]]; then
  python=python3
  [[ -x $root/.venv/bin/python ]] && python=$root/.venv/bin/python
fi
command -v "$python" >/dev/null || fail "--python: there is no program '$python'"
[[ $device =~ ^(auto|cpu|cuda)$ ]] || option_error "--device: '$device' is none of auto, cpu, cuda"
described=$(describe_python) || fail "$python has no torch that can be imported. Run make setup first."
read -r torch build tag system machine <<<"$described"
if [[ $device == cuda && $build == cpu ]]; then
  fail "the installed torch $torch was built without CUDA. Use --device cpu."
fi
if [[ -z $page ]]; then
  page=$wheel_pages/cpu.html
  [[ $build == cpu ]] || page=$wheel_pages/cuda.html
fi
content=$(read_page "$page") || fail "$page: cannot be read"
wheels=$(list_wheels <<<"$content")
[[ -n $wheels ]] || fail "$page: links to no wheels"

# k2-1.24.4.dev20250807+cuda12.8.torch2.8.0-cp312-cp312-manylinux_2_27_x86_64….whl
here=$(grep -E -- "-$tag-$tag-[^ ]*${system}[^ ]*_$machine\.whl " <<<"$wheels" || true)
found=$(grep -F -- "+$build.torch$torch-" <<<"$here" | sort -V | tail -n 1 || true)
if [[ -z $found ]]; then
  known=$(sed -nE 's/.*\+([a-z0-9.]+)\.torch([0-9.]+)-cp.*/\2 (\1)/p' <<<"$here" | sort -uV)
  known=${known:-no version of it}
  fail "$page: no wheel of k2 for torch $torch ($build) with $tag on $system $machine. There are\
 wheels for torch ${known//$'\n'/, }. Install such a torch, or build k2 from source: $from_source"
fi
address=${found#* }
if [[ $dry_run == true ]]; then
  echo "$address"
  exit 0
fi
echo "installing ${found%% *}"
# Its own requirements are torch, which is here, and graphviz, which only draws.
"$python" -m pip install --no-deps "$address" || fail "pip could not install $address"
"$python" -c 'import k2' || fail "k2 was installed but cannot be imported; see above"
echo "k2 is installed; asr doctor describes it"
