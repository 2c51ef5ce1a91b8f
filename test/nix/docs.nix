# What the commands of the documents build.
{ busybox, nodeProgram }:
let
  pkgs = import ./nixpkgs { };
  layers = import ./layers.nix { inherit nodeProgram; };
  images = import ./images.nix {
    withOverlay = false;
    inherit busybox;
  };
  shell = pkgs.runCommand "shell" { } "mkdir -p $out/bin; ln -s ${builtins.storePath busybox} $out/bin/sh";
  stream-layered-image = pkgs.runCommand "program" { } ''
    mkdir -p $out/bin
    printf '#!/bin/sh\nexec /usr/bin/node ${nodeProgram} "$@"\n' > $out/bin/stream-layered-image
    chmod +x $out/bin/stream-layered-image
  '';
in
{
  inherit (layers) image program;
  inherit shell;
  # A program that runs in a container where nothing else is.
  app = pkgs.runCommand "app" { inherit (images) app; } ''
    mkdir -p $out/bin
    printf '#!%s/bin/sh\n# %s\necho hello\n' ${shell} $app > $out/bin/app
    chmod +x $out/bin/app
  '';
  myImage = images.plain;
  fast = (pkgs.callPackage ../../nix/lib.nix { inherit stream-layered-image; }).streamFast images.plain;
}
