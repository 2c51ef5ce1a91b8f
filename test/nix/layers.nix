# An image of layers that are derivations. `change` is a text in the program, which is in the uppermost layer.
{
  change ? "first",
  compress ? null,
  owner ? "0:0:root:root",
  nodeProgram,
  # A directory where builds of layers wait for each other, until so many are under way.
  meet ? null,
}:
let
  pkgs = import ./nixpkgs { };
  # The program as it is built in this tree: building the package is another test's matter.
  stream-layered-image = pkgs.runCommand "program" { } ''
    mkdir -p $out/bin
    {
      echo '#!/bin/sh'
      ${pkgs.lib.optionalString (meet != null) ''
        echo 'touch ${meet}/$$'
        echo 'for i in $(seq 600); do [ $(ls ${meet} | wc -l) -ge 3 ] && break; sleep 0.1; done'
        echo '[ $(ls ${meet} | wc -l) -ge 3 ] || exit 9'
      ''}
      echo 'exec /usr/bin/node ${nodeProgram} "$@"'
    } > $out/bin/stream-layered-image
    chmod +x $out/bin/stream-layered-image
  '';
  images = pkgs.callPackage ../../nix/lib.nix { inherit stream-layered-image; };
  make =
    name: needs: text:
    pkgs.runCommand name { inherit needs text; } ''
      mkdir -p $out/bin $out/share
      seq 20000 > $out/share/${name}
      echo "$needs $text" > $out/share/needs
      printf '#!/bin/sh\necho ${name}\n' > $out/bin/${name}
      chmod +x $out/bin/${name}
    '';
  libc = make "libc" [ ] "";
  zlib = make "zlib" [ libc ] "";
  ssl = make "ssl" [ libc zlib ] "";
  app = make "app" [ ssl libc ] change;
  layer =
    name: paths: layers:
    images.buildLayer { inherit name paths layers compress owner; };
in
rec {
  base = layer "base-layer" [ libc ] [ ];
  libraries = layer "libraries-layer" [ ssl ] [ base ];
  program = layer "program-layer" [ app ] [ base libraries ];
  image = images.buildImage {
    name = "app";
    tag = "1";
    layers = [ base libraries program ];
    inherit owner;
    config = {
      Cmd = [ "app" ];
      Env = [ "A=it's" ];
      Labels.one = 1;
      ExposedPorts."80/tcp" = { };
    };
  };
  # The same paths as one layer of their own each.
  repeated = images.buildImage {
    name = "repeated";
    layers = [ base (images.buildLayer { paths = [ ssl ]; }) ];
  };
  # Three that need nothing of each other.
  apart = map (name: layer name [ (make "${name}-data" [ ] name) ] [ ]) [
    "one"
    "two"
    "three"
  ];
  inherit app;
}
