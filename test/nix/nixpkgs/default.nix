# As much of nixpkgs as the overlay, the package and the functions touch, on the host's own programs: no network but
# npm's. What it has is called and shaped as in nixpkgs.
{
  system ? builtins.currentSystem,
  overlays ? [ ],
}:
let
  lib = import ./lib.nix;
  packages = final: {
    inherit lib system;
    inherit (final.stdenvNoCC) mkDerivation;
    callPackage =
      file: arguments:
      let
        function = if builtins.isFunction file then file else import file;
        known = builtins.intersectAttrs (builtins.functionArgs function) final;
      in
      lib.makeOverridable function (known // arguments);
    stdenvNoCC = import ./stdenv.nix { inherit system; };
    stdenv = final.stdenvNoCC;
    runCommand =
      name: attributes: script:
      final.stdenvNoCC.mkDerivation (attributes // { inherit name script; phases = "script"; });
    nodejs_24 = final.runCommand "nodejs" { } ''
      mkdir -p $out/bin
      for name in node npm npx; do ln -s "$(readlink -f /usr/bin/$name)" $out/bin/$name; done
    '';
    cacert = final.runCommand "cacert" { } ''
      mkdir -p $out/etc/ssl/certs
      cat /etc/ssl/certs/ca-certificates.crt > $out/etc/ssl/certs/ca-bundle.crt
    '';
    makeWrapper = final.runCommand "make-wrapper" { } ''
      mkdir -p $out/bin
      cp ${./make-wrapper.sh} $out/bin/makeWrapper
      chmod +x $out/bin/makeWrapper
    '';
    closureInfo = final.callPackage ./closure-info.nix { };
    writers.writePython3 =
      name: _arguments: source:
      final.runCommand name { } ''
        { echo '#!/usr/bin/python3'; cat ${source}; } > $out
        chmod +x $out
      '';
    buildPackages = final;
    dockerTools = final.callPackage ./docker.nix { inherit (final.buildPackages.writers) writePython3; };
  };
  fixed = builtins.foldl' (
    below: overlay: final:
    let
      previous = below final;
    in
    previous // overlay final previous
  ) packages overlays;
  final = fixed final;
in
final
