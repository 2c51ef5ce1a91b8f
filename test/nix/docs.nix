# What the commands of the documents build.
{ busybox, nodeProgram }:
let
  pkgs = import ./nixpkgs { };
  layers = import ./layers.nix { inherit nodeProgram; };
  images = import ./images.nix {
    withOverlay = false;
    inherit busybox;
  };
  stream-layered-image = pkgs.runCommand "program" { } ''
    mkdir -p $out/bin
    printf '#!/bin/sh\nexec /usr/bin/node ${nodeProgram} "$@"\n' > $out/bin/stream-layered-image
    chmod +x $out/bin/stream-layered-image
  '';
in
{
  inherit (layers) image program;
  inherit (images) app;
  myImage = images.plain;
  fast = (pkgs.callPackage ../../nix/lib.nix { inherit stream-layered-image; }).streamFast images.plain;
  shell = pkgs.runCommand "shell" { } "mkdir -p $out/bin; ln -s ${builtins.storePath busybox} $out/bin/sh";
}
