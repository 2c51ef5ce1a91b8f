{ lib, stdenvNoCC }:
{ rootPaths }:
stdenvNoCC.mkDerivation {
  name = "closure-info";
  __structuredAttrs = true;
  exportReferencesGraph.closure = rootPaths;
  phases = "script";
  script = ''
    mkdir $out
    jq -r '.closure | map([.path, .narHash, .narSize, "", (.references | length)] + .references) | add | map("\(.)\n") | add' < .attrs.json | head -n -1 > $out/registration
    jq -r '.closure[].path' < .attrs.json > $out/store-paths
  '';
}
