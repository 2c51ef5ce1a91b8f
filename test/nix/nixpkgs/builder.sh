set -eu -o pipefail
export PATH=/usr/bin:/bin
if [ -n "${NIX_ATTRS_SH_FILE:-}" ]; then . "$NIX_ATTRS_SH_FILE"; out=${outputs[out]}; fi
for input in ${nativeBuildInputs:-}; do PATH=$input/bin:$PATH; done
umask 022
runHook() { :; }
patchShebangs() { :; }
for phase in $phases; do
  if [ "$phase" = unpackPhase ]; then
    cp -r "$src" source
    chmod -R u+w source
    cd source
  elif [ -n "${!phase:-}" ]; then
    eval "${!phase}"
  fi
done
