#!/bin/sh
# Trains a model, swaps its mixer for another version while it trains, swaps back, swaps again by
# dropping the jar into the run's folder, and shows what the journal says.
#
#     demo.sh HYDRA [FOLDER]      HYDRA: an installation; FOLDER: where to work (default: a new one)
set -eu
hydra=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=${2:-$(mktemp -d)}
mkdir -p "$work/installed"
cd "$work"

# A plugin without a build tool: compile, and say in the manifest what bnd would have written.
plugin() { # VERSION JAR
  mkdir -p "classes-$1"
  "${JAVA_HOME:+$JAVA_HOME/bin/}javac" --release 17 -proc:none -nowarn -d "classes-$1" -cp "$hydra/lib/*:$hydra/plugins/*" \
    "$here/version-$1/com/example/hydra/shift/ShiftFactory.java"
  cat >"manifest-$1" <<EOF
Bundle-ManifestVersion: 2
Bundle-SymbolicName: com.example.hydra.shift
Bundle-Version: $1.0.0
Import-Package: dev.hydra.api,dev.hydra.libtorch.runtime,
 org.bytedeco.pytorch;version="[2.10,2.11)",
 org.bytedeco.pytorch.global;version="[2.10,2.11)"
Require-Capability: osgi.extender;filter:="(osgi.extender=dev.hydra.pl
 ugin)"
Provide-Capability: osgi.serviceloader;hydra.type=shift;
 osgi.serviceloader="dev.hydra.api.Factory";
 register:="com.example.hydra.shift.ShiftFactory"
EOF
  "${JAVA_HOME:+$JAVA_HOME/bin/}jar" --create --file "$2" --manifest "manifest-$1" -C "classes-$1" .
}
plugin 1 installed/shift.jar
plugin 2 shift-2.jar

HYDRA_PLUGINS=$work/installed "$hydra/bin/hydra" train "$here/shift.conf" --run-dir run 2>screen.txt &
training=$!
trap 'kill $training 2>/dev/null || true' EXIT
until [ -s run/metrics.jsonl ]; do
  kill -0 $training || { cat screen.txt; exit 1; }
  sleep 0.2
done

say() { printf '\n$ hydra %s\n' "$*"; "$hydra/bin/hydra" "$@"; }
say plugins list --run run
say plugins swap shift-2.jar --run run --dry-run
say plugins swap shift-2.jar --run run
say plugins list --run run
say plugins rollback --run run

# The second way: a jar that is put into the run's folder is swapped in.
printf '\n$ cp shift-2.jar run/plugins\n'
swaps=$(grep -c '"event":"swap"' run/journal.jsonl)
cp shift-2.jar run/plugins/
tries=0
while [ "$(grep -c '"event":"swap"' run/journal.jsonl)" -eq "$swaps" ] && [ $tries -lt 50 ]; do
  tries=$((tries + 1))
  sleep 0.2
done
say plugins list --run run

kill $training
wait $training || true
printf '\nThe screen of the training:\n'
grep -v '^step .* tokens/s' screen.txt
printf '\nThe journal, run/journal.jsonl:\n'
cat run/journal.jsonl
