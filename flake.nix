{
  description = "Layered container images from Nix store paths, streamed: the bytes of dockerTools.streamLayeredImage";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forAll = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
      ours = forAll (system: import ./. { pkgs = nixpkgs.legacyPackages.${system}; });
    in
    {
      overlays.default = import ./nix/overlay.nix;
      packages = forAll (system: {
        inherit (ours.${system}) stream-layered-image;
        default = ours.${system}.stream-layered-image;
      });
      apps = forAll (system: {
        default = {
          type = "app";
          program = "${ours.${system}.stream-layered-image}/bin/stream-layered-image";
        };
      });
      # streamFast, buildLayer, buildImage, by system.
      lib = forAll (system: removeAttrs ours.${system} [ "overlay" "stream-layered-image" ]);
    };
}
