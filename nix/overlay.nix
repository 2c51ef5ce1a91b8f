# With this overlay `dockerTools.streamLayeredImage` and `buildLayeredImage` run stream-layered-image; everything else
# of dockerTools is as it was.
final: prev: {
  stream-layered-image = final.callPackage ./package.nix { };

  inherit (final.callPackage ./lib.nix { }) streamFast;

  # The program that streams is the one Python script of dockerTools with this name.
  dockerTools = prev.dockerTools.override (old: {
    writePython3 =
      name: arguments: source:
      if name == "stream" then
        final.runCommand name { } "ln -s ${final.stream-layered-image}/bin/stream-layered-image $out"
      else
        old.writePython3 name arguments source;
  });
}
