#!/usr/bin/env bash
# Rewrites the listings of the public surface (src/*/PublicAPI.Unshipped.txt) after an intended change, and counts the public types.
# The analyzer compares them with the code in every build: RS0016 is a member that is not listed, RS0017 a listed one that is gone.
# With --count it only counts.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
header='#nullable enable'

if [ "${1:-}" != "--count" ]; then
  for listing in src/*/PublicAPI.Unshipped.txt; do
    echo "$header" >"$listing"
  done

  log="$(mktemp)"
  dotnet build eng/Packages.slnf -p:RunAnalyzersDuringBuild=true -p:TreatWarningsAsErrors=false >"$log" || { grep -m 20 ' error ' "$log"; exit 1; }
  for listing in src/*/PublicAPI.Unshipped.txt; do
    project="$(basename "$(dirname "$listing")")"
    { echo "$header"; sed -n "s|.*RS0016: Symbol '\(.*\)' is not part of the declared public API.*/$project\.csproj\]|\1|p" "$log" | sort -u; } >"$listing.new"
    mv "$listing.new" "$listing"
  done
fi

# A type is listed by its name alone; members have a result, an enumeration's values an equals sign.
for listing in src/*/PublicAPI.Unshipped.txt; do
  project="$(basename "$(dirname "$listing")")"
  cat "${listing%Unshipped.txt}Shipped.txt" "$listing" | grep -cv -e '->' -e ' = ' -e '(' -e '^#' | sed "s/$/ $project/"
done | awk '{ print; sum += $1 } END { print sum " public types" }'
