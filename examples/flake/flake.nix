{
  description = "An image of a program, in two ways.";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.stream-layered-image = {
    # Where you have it from.
    url = "path:../..";
    inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      stream-layered-image,
    }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      images = stream-layered-image.lib.${system};
      app = pkgs.runCommand "app" { } ''
        mkdir -p $out/bin
        printf '#!/bin/sh\necho hello\n' > $out/bin/app
        chmod +x $out/bin/app
      '';
    in
    {
      packages.${system} = {
        # nix run .#stream | docker load
        stream = images.streamFast (
          pkgs.dockerTools.streamLayeredImage {
            name = "app";
            tag = "1";
            contents = [ app ];
            config.Cmd = [ "/bin/app" ];
          }
        );
        # stream-layered-image $(nix build --print-out-paths .#image) -o docker-daemon:
        image = images.buildImage {
          name = "app";
          tag = "1";
          contents = [ app ];
          config.Cmd = [ "app" ];
        };
      };
    };
}
