#!/bin/sh
# usage: report_test.sh REPORT_SAMPLE SCRATCH_DIRECTORY
# The report in a browser: headless Chromium draws it, in light and dark, and the numbers on the page are those of the
# run. It is below 5 MB, needs no network, and leaves screenshots in the scratch directory.
set -eu
. "$(dirname "$0")/../checks/script.sh"
sample=$1
scratch=$2
need chromium

rm -rf "$scratch"
mkdir -p "$scratch"
"$sample" "$scratch/report.html"
size=$(wc -c <"$scratch/report.html")
[ "$size" -lt 5000000 ] || complain "the report has $size bytes"
# No address of anything elsewhere.
! grep -qiE '(src|href)=|https?://|@import|fetch\(|XMLHttpRequest' "$scratch/report.html" ||
  complain "the report refers to something outside"

# browse ARGUMENTS...
browse() {
  chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$scratch/profile" \
    --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1280,2140 --virtual-time-budget=20000 "$@" \
    "file://$scratch/report.html" 2>"$scratch/chromium.log"
}

browse --dump-dom >"$scratch/page.html" || complain "chromium failed: $(tail -n 3 "$scratch/chromium.log")"
# shows TEXT: somewhere on the page, as it was drawn.
shows() {
  tr '\n' ' ' <"$scratch/page.html" | sed 's/<script.*//' | grep -qF -- "$1" || complain "the page does not show: $1"
}
grep -q 'data-ready="yes"' "$scratch/page.html" || complain "the script did not reach its end"
shows '<h1 id="title">nightly &lt;index&gt; &amp; publish</h1>'
shows '<b id="tile-runs">20,000</b><span>functions run, 1 failed</span>'
shows '<b id="tile-requests">40</b><span>requests, 39 found</span>'
shows '<b id="tile-verified" class="bad">1</b><span>violation in 500 verified</span>'
shows 'never computed'
shows '<span>67 % of 60,000</span>'
shows 'gave different: '
shows 'with any number of threads the run takes at least that long'
shows 'report/1'
shows '1 commit, 12 ms waiting for the disk'

browse --screenshot="$scratch/light.png" >/dev/null || complain "no screenshot"
browse --screenshot="$scratch/dark.png" --force-dark-mode --enable-features=WebUIDarkMode \
  --blink-settings=preferredColorScheme=0 >/dev/null || complain "no dark screenshot"
for picture in light dark; do
  [ -s "$scratch/$picture.png" ] || complain "$picture.png is empty"
done
! cmp -s "$scratch/light.png" "$scratch/dark.png" || complain "dark looks like light"

verdict
