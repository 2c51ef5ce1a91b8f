# For those without flakes: nix-build, or import it for the overlay and the functions.
{
  pkgs ? import <nixpkgs> { },
}:
let
  stream-layered-image = pkgs.callPackage ./nix/package.nix { };
in
{
  inherit stream-layered-image;
  overlay = import ./nix/overlay.nix;
}
// pkgs.callPackage ./nix/lib.nix { inherit stream-layered-image; }
