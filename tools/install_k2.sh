#!/usr/bin/env bash
# Installs k2, which the methods named k2-… and LF-MMI need: the newest wheel of k2's own wheel
# pages that was built for the installed torch, Python and processor.
#
#   --python PROGRAM   the Python to install for (default: .venv/bin/python, else python3)
#   --device DEVICE    cpu, cuda, rocm, or auto: what torch was built for (default: auto)
#   --page PAGE        address or file of a wheel page (default: k2's, for the device)
#   --dry-run          print the wheel's address and install nothing
#
# Where k2 has no wheel for the installed torch, the newest versions of torch that have one are
# named. A wheel for GPUs also runs on a machine without one.
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

# Prints what decides which wheel fits: torch's version, what it was built for (cpu, cuda12.8,
# rocm7.2), Python's tag, the machine. A wheel has to match torch's build, not the GPUs in sight.
describe_python() {
  "$python" -c '
import platform, sys
try:
    import torch
except ImportError:
    sys.exit("no torch")
build = "cpu"
if torch.version.cuda:
    build = f"cuda{torch.version.cuda}"
elif torch.version.hip:  # 7.2.26015-fc0010cf6a
    build = "rocm" + ".".join(torch.version.hip.split(".")[:2])
system = {"linux": "linux", "darwin": "macosx"}.get(sys.platform, "win")
print(torch.__version__.partition("+")[0], build,
      "cp%d%d" % sys.version_info[:2], system, platform.machine().lower())
' 2>/dev/null
}

# Prints the page $1, a file or an address; where that fails, one line that says why, and fails.
read_page() {
  if [[ $1 == *://* ]]; then
    "$python" -c '
import sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=60) as page:
        sys.stdout.write(page.read().decode())
except (OSError, ValueError) as error:
    print(error)
    sys.exit(1)
' "$1"
  elif ! cat -- "$1" 2>/dev/null; then
    if [[ -e $1 ]]; then echo "it is no file that may be read"; else echo "there is no such file"; fi
    return 1
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
[[ $device =~ ^(auto|cpu|cuda|rocm)$ ]] ||
  option_error "--device: '$device' is none of auto, cpu, cuda, rocm"
described=$(describe_python) || fail "$python has no torch that can be imported. Run make setup first."
read -r torch built tag system machine <<<"$described"
build=$built
[[ $device != cpu ]] || build=cpu
kind=${build%%[0-9]*}
if [[ $device != auto && $device != "$kind" ]]; then
  fail "the installed torch $torch was built for $built, not for $device. Use --device auto or cpu."
fi
[[ -n $page ]] || page=$wheel_pages/$kind.html
content=$(read_page "$page") || fail "$page: cannot be read: $content"
wheels=$(list_wheels <<<"$content")
[[ -n $wheels ]] || fail "$page: links to no wheels"

# k2-1.24.4.dev20250807+cuda12.8.torch2.8.0-cp312-cp312-manylinux_2_27_x86_64….whl
here=$(grep -E -- "-$tag-$tag-[^ ]*${system}[^ ]*_$machine\.whl " <<<"$wheels" || true)
found=$(grep -F -- "+$build.torch$torch-" <<<"$here" | sort -V | tail -n 1 || true)
if [[ -z $found ]]; then
  known=$(sed -nE "s/.*\+(${kind}[0-9.]*)\.torch([0-9.]+)-cp.*/\2 (\1)/p" <<<"$here" |
    sort -uVr | head -n 5)
  todo="build k2 from source: $from_source"
  [[ -z $known ]] || todo="The newest that have one: torch ${known//$'\n'/, }. Install one of them, or $todo"
  [[ $kind == cpu ]] || todo+=", or try --device cpu"
  fail "$page: no wheel of k2 for torch $torch ($build) with $tag on $system $machine. ${todo^}"
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
