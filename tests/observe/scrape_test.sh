#!/bin/sh
# usage: scrape_test.sh SERVICE MONITORING_DIRECTORY SCRATCH_DIRECTORY DOCUMENTATION
# The real thing: promtool accepts the metrics, the alerts and their tests; Prometheus scrapes the example service, and
# its queries return what the service did; every query of the dashboard and the alerts names metrics that are served, and is
# one that Prometheus evaluates. Without the tools: 77, or in continuous integration a failure.
set -eu
. "$(dirname "$0")/../checks/script.sh"
service=$1
monitoring=$2
scratch=$3
documentation=$4
for tool in promtool prometheus curl jq; do need "$tool"; done

rm -rf "$scratch"
mkdir -p "$scratch"
mkfifo "$scratch/stdin"
DERIVA_TRACE="$scratch/trace.json" "$service" "$scratch/store" 0 <"$scratch/stdin" >"$scratch/port" &
service_pid=$!
exec 3>"$scratch/stdin" # the service ends when this is closed
prometheus_pid=
finish() {
  exec 3>&-
  [ -z "$prometheus_pid" ] || kill "$prometheus_pid" 2>/dev/null || true
  # shellcheck disable=SC2086 # nothing, if there is no such process
  wait "$service_pid" $prometheus_pid 2>/dev/null || true
}
trap finish EXIT

# retry WHAT COMMAND...: until it succeeds; the tools have no way of saying when they are ready.
retry() {
  what=$1
  shift
  attempts=300
  until "$@" >"$scratch/retry.log" 2>&1; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { cat "$scratch/retry.log"; complain "$what: gave up"; exit 1; }
    sleep 0.1
  done
}

retry "the service's port" test -s "$scratch/port"
read -r port <"$scratch/port"
prometheus_port=$("$service" "$scratch/other" 0 </dev/null) # it is free again

# --- What the service does

# ask STATUS PATH
ask() {
  found=$(curl -sS -o "$scratch/answer" -w '%{http_code}' "http://127.0.0.1:$port$2")
  [ "$found" = "$1" ] || complain "GET $2: $found"
}
ask 200 /tile/0/0/0 # 85 tiles are computed
[ "$(head -n 1 "$scratch/answer")" = 'P5 64 64 255' ] || complain "that is no picture"
ask 200 /tile/0/0/0
ask 200 /tile/1/1/0 # one of the 85
ask 404 /tile/9/0/0
ask 404 /value/0000000000000000000000000000000000000000000000000000000000000000

# --- What is served

curl -fsS "http://127.0.0.1:$port/metrics" >"$scratch/prometheus.txt"
curl -fsS -H 'Accept: application/openmetrics-text;version=1.0.0' "http://127.0.0.1:$port/metrics" >"$scratch/open.txt"
[ "$(tail -n 1 "$scratch/open.txt")" = '# EOF' ] || complain "OpenMetrics: no # EOF"
promtool check metrics <"$scratch/prometheus.txt" || complain "promtool check metrics failed"
promtool check rules "$monitoring/alerts.yml" || complain "promtool check rules failed"
promtool test rules "$monitoring/alerts_test.yml" || complain "promtool test rules failed"

# --- Queries name what is served

sed -n 's/^\(deriva_[a-z_]*\).*/\1/p' "$scratch/prometheus.txt" | sort -u >"$scratch/samples.txt"
sed -n 's/^# TYPE \(deriva_[a-z_]*\) .*/\1/p' "$scratch/prometheus.txt" | sort -u >"$scratch/families.txt"
jq -r '.panels[].targets[]?.expr' "$monitoring/dashboard.json" >"$scratch/queries.txt"
[ "$(wc -l <"$scratch/queries.txt")" -ge 20 ] || complain "the dashboard has hardly any queries"
{
  cat "$scratch/queries.txt"
  grep -v '^ *#' "$monitoring/alerts.yml"
} | grep -oE 'deriva_[a-z_]+' | sort -u >"$scratch/named.txt"
while read -r name; do
  grep -qxF "$name" "$scratch/samples.txt" "$scratch/families.txt" || complain "a query names $name, which is not served"
done <"$scratch/named.txt"

# The table of the documentation has what is served, and nothing else.
sed -n 's/^| \(`deriva_[^|]*\)|.*/\1/p' "$documentation" | grep -oE 'deriva_[a-z_]+' | sort >"$scratch/documented.txt"
diff "$scratch/families.txt" "$scratch/documented.txt" || complain "the metrics served are not those documented"

# --- Prometheus scrapes, and answers

sed -e "s/127.0.0.1:9464/127.0.0.1:$port/" -e 's/15s/200ms/' -e "s|\[alerts.yml\]|[$monitoring/alerts.yml]|" \
  "$monitoring/prometheus.yml" >"$scratch/prometheus.yml"
promtool check config "$scratch/prometheus.yml" || complain "promtool check config failed"
prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" \
  --web.listen-address="127.0.0.1:$prometheus_port" >"$scratch/prometheus.log" 2>&1 &
prometheus_pid=$!

# answer QUERY: the value of the only sample, or nothing.
answer() {
  curl -fsS --get "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode "query=$1" |
    jq -r '.data.result | if length == 1 then .[0].value[1] else empty end'
}
scraped() { [ "$(answer 'up{job="deriva"}')" = 1 ]; }
retry "the first scrape" scraped

expect() { # VALUE QUERY
  found=$(answer "$2")
  [ "$found" = "$1" ] || complain "$2 is '$found', not $1"
}
expect 1 'deriva_materialize_total{result="computed"}'
expect 2 'deriva_materialize_total{result="hit"}'
expect 1 'deriva_materialize_total{result="failed"}'
expect 0 'deriva_materialize_active'
expect 4 'sum(deriva_materialize_total)'
expect 4 'deriva_materialize_depth_sum'
expect 64 'deriva_compute_total{function="draw-terrain/1",result="succeeded"}'
expect 21 'deriva_compute_duration_seconds_count{function="shrink/1"}'
expect 86016 'deriva_compute_output_bytes_sum{function="shrink/1"}'
expect 85 'deriva_flight_total{how="started"}'
expect 85 'deriva_compute_reason_total{reason="never_computed"}'
expect 86 'deriva_cache_total{result="miss",tier="store"}' # and the address that nobody knows
expect 3 'deriva_rpc_total{method="tile",status="ok"}'
expect 1 'deriva_rpc_total{method="tile",status="not_found"}'
expect 1 'deriva_rpc_total{method="value",status="not_found"}'
expect 0 'sum(deriva_rpc_active)'
expect 85 'deriva_dag_recipes'
stored() { [ "$(answer deriva_storage_results_total)" = 85 ]; }
retry "the results are not stored" stored
expect 4096 'deriva_storage_blob_bytes / deriva_storage_blobs'

# Every query is one that Prometheus evaluates; the dashboard's variables stand for values of their kind.
while read -r query; do
  # shellcheck disable=SC2016 # the dashboard's variables
  query=$(printf '%s' "$query" | sed -e 's/\$__rate_interval/1m/g' -e 's/\$instance/.*/g')
  curl -fsS --get "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode "query=$query" >/dev/null ||
    complain "Prometheus does not evaluate: $query"
done <"$scratch/queries.txt"
rules=$(curl -fsS "http://127.0.0.1:$prometheus_port/api/v1/rules" | jq '[.data.groups[].rules[]] | length')
[ "$rules" -ge 4 ] || complain "Prometheus has $rules rules"

# --- What was traced

kill "$prometheus_pid" # it has the service's standard input open, too
wait "$prometheus_pid" || true
prometheus_pid=
exec 3>&-
wait "$service_pid" || complain "the service failed"
traced=$(jq '[.traceEvents[] | select(.cat == "compute")] | length' "$scratch/trace.json")
[ "$traced" = 85 ] || complain "$traced functions in the trace"
verdict
