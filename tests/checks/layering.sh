#!/bin/sh
# A file includes its own layer or a lower one; and what belongs to one layer alone stays there.
. "$(dirname "$0")/lib.sh"

complain_lines "$(sources include/deriva src | while read -r file; do
  awk -v file="$file" '
    BEGIN {
      count = split("core storage dag store compute observe", layers, " ")
      for (i = 1; i <= count; i++) rank[layers[i]] = i
      split(file, parts, "/")
      if (file ~ /^include\/deriva\/[^\/]+$/) exit  # deriva.hpp is above all layers
      own = (parts[1] == "include") ? parts[3] : parts[2]
      if (!(own in rank)) { print file ":1: \"" own "\" is not a layer"; exit }
    }
    function refuse(why) { print file ":" FNR ": a file of " own " includes " path why }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
      path = $0
      sub(/^[^<"]*[<"]/, "", path)
      sub(/[>"].*$/, "", path)
      stripped = path
      sub(/^(\.\.\/)+/, "", stripped)
      inside = (stripped != path) || (path ~ /^deriva\//) || (path ~ /^[a-z_]+\//)
      sub(/^deriva\//, "", stripped)
      layer = stripped
      sub(/\/.*$/, "", layer)
      if (path == "deriva/deriva.hpp") refuse(", the header for hosts")
      else if (inside && layer in rank && rank[layer] > rank[own]) refuse(", a higher layer")
      if (path == "lmdb.h" && own != "storage") refuse(": LMDB belongs to storage")
      if (path ~ /^openssl\// && own != "core") refuse(": OpenSSL belongs to core")
      if (path ~ /^boost\/asio/ && rank[own] < rank["compute"]) refuse(": Asio belongs to compute")
      if (path == "boost/asio.hpp") refuse(": include the single headers")
      if (stripped ~ /^core\/(recipe|params)\.hpp$/ && (own == "storage" || own == "dag"))
        refuse(": " own " knows no recipe")
    }
  ' "$file"
done)"
verdict
