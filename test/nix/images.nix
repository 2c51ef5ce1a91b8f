# Images with and without the overlay, of store paths that the host's programs make.
{ withOverlay, busybox, base ? null }:
let
  pkgs = import ./nixpkgs { overlays = if withOverlay then [ (import ../../nix/overlay.nix) ] else [ ]; };
  library = pkgs.runCommand "library" { } "mkdir -p $out/lib; seq 9000 > $out/lib/numbers";
  app = pkgs.runCommand "app" { inherit library; } ''
    mkdir -p $out/bin
    printf '#!/bin/sh\n# ${builtins.storePath busybox}\ncat %s/lib/numbers\n' $library > $out/bin/app
    chmod +x $out/bin/app
  '';
  plain = pkgs.dockerTools.streamLayeredImage {
    name = "plain";
    contents = [ app ];
    config.Cmd = [ "app" ];
  };
in
{
  inherit plain app;
  tagged = pkgs.dockerTools.streamLayeredImage {
    name = "tagged";
    tag = "1.0";
    contents = [ app ];
    config.Env = [ "A=ü" ];
  };
  empty = pkgs.dockerTools.streamLayeredImage {
    name = "empty";
    tag = "1";
  };
  based = pkgs.dockerTools.streamLayeredImage {
    name = "based";
    fromImage = builtins.storePath base;
    contents = [ library ];
  };
  built = pkgs.dockerTools.buildLayeredImage {
    name = "built";
    contents = [ app ];
  };
  untouched = pkgs.dockerTools.caCertificates;
  fast = pkgs.streamFast plain;
  program = pkgs.stream-layered-image;
}
