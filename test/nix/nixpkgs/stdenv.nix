# mkDerivation: phases by the host's bash and coreutils, with the tools of nativeBuildInputs before them.
{ system }:
{
  hostPlatform = { inherit system; };
  mkDerivation =
    attributes:
    let
      name = attributes.name or "${attributes.pname}-${attributes.version}";
      passed = removeAttrs attributes [
        "meta"
        "passthru"
      ];
      passthru = attributes.passthru or { };
    in
    builtins.derivation (
      passed
      // {
        inherit name system;
        builder = "/bin/bash";
        args = [ ./builder.sh ];
        phases = attributes.phases or "unpackPhase buildPhase installPhase installCheckPhase";
      }
    )
    // passthru
    // {
      inherit passthru;
      meta = attributes.meta or { };
    };
}
