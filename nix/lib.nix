# Functions for images, of this program: for one image what overlay.nix does for all, and layers as derivations.
{
  lib,
  runCommand,
  makeWrapper,
  closureInfo,
  stream-layered-image,
}:
let
  program = "${stream-layered-image}/bin/stream-layered-image";

  # The options of owner and time, which a layer and its image must have alike.
  ownerOptions =
    { owner, mtime }:
    lib.escapeShellArgs [
      "--owner"
      owner
      "--mtime"
      mtime
    ];

  each = option: values: lib.concatMap (value: [ option (toString value) ]) values;
  one = option: value: lib.optionals (value != null) [ option (toString value) ];
in
{
  # An image of dockerTools.streamLayeredImage, streamed by this program: an executable that takes -t, -o and all other
  # options.
  streamFast =
    image:
    runCommand image.name or "stream"
      {
        nativeBuildInputs = [ makeWrapper ];
        passthru = (image.passthru or { }) // {
          inherit (image) conf;
          streamScript = program;
        };
      }
      "makeWrapper ${program} $out --add-flags ${image.conf}";

  # One layer: $out/layer.json, and with `compress` its blob. It has all that `paths` need, but what `layers` have.
  buildLayer =
    {
      paths,
      # Other layers, whose paths are left out.
      layers ? [ ],
      # gzip[:LEVEL] or zstd[:LEVEL]: make the blob too.
      compress ? null,
      owner ? "0:0:root:root",
      mtime ? "1970-01-01T00:00:01Z",
      name ? "layer",
    }:
    runCommand name
      {
        passthru = {
          inherit paths owner mtime;
        };
      }
      ''
        mkdir $out
        ${program} layer ${lib.escapeShellArgs paths} --closure -o $out/layer.json \
          --registration ${closureInfo { rootPaths = paths; }}/registration \
          ${lib.escapeShellArgs (each "--without" (map (layer: "${layer}/layer.json") layers))} \
          ${lib.optionalString (compress != null) "--compress ${lib.escapeShellArg compress} --blob $out/blob"} \
          ${ownerOptions { inherit owner mtime; }}
      '';

  # An image: $out/conf.json, for `stream-layered-image $out`. Layers are in the order of `layers`; what they do not have
  # of the closure of `contents` is in layers above them.
  buildImage =
    {
      name,
      tag ? "latest",
      layers ? [ ],
      # Store paths that the image is of; default: those of its layers.
      contents ? lib.concatMap (layer: layer.paths) layers,
      # As Docker names them: Cmd, Entrypoint, Env, WorkingDir, User, Labels, ExposedPorts, Volumes, StopSignal.
      config ? { },
      fromImage ? null,
      copyToRoot ? false,
      fakeNss ? false,
      caCertificates ? false,
      maxLayers ? 100,
      created ? "1970-01-01T00:00:01Z",
      owner ? "0:0:root:root",
      mtime ? "1970-01-01T00:00:01Z",
    }:
    let
      named = values: lib.mapAttrsToList (key: value: "${key}=${toString value}") values;
      options =
        each "--known" (map (layer: "${layer}/layer.json") layers)
        ++ each "--cmd" (config.Cmd or [ ])
        ++ each "--entrypoint" (config.Entrypoint or [ ])
        ++ each "--env" (config.Env or [ ])
        ++ one "--workdir" (config.WorkingDir or null)
        ++ one "--user" (config.User or null)
        ++ each "--label" (named (config.Labels or { }))
        ++ each "--expose" (builtins.attrNames (config.ExposedPorts or { }))
        ++ each "--volume" (builtins.attrNames (config.Volumes or { }))
        ++ one "--stop-signal" (config.StopSignal or null)
        ++ one "--from" fromImage
        ++ lib.optional copyToRoot "--copy-to-root"
        ++ lib.optional fakeNss "--fake-nss"
        ++ lib.optional caCertificates "--ca-certificates"
        ++ [
          "--max-layers"
          (toString maxLayers)
          "--created"
          created
        ];
    in
    runCommand "${baseNameOf name}-image"
      {
        passthru = {
          inherit layers;
          imageName = name;
          imageTag = tag;
        };
      }
      ''
        ${program} plan ${lib.escapeShellArgs contents} -o $out -t ${lib.escapeShellArg "${name}:${tag}"} \
          --registration ${closureInfo { rootPaths = contents; }}/registration \
          ${lib.escapeShellArgs options} \
          ${ownerOptions { inherit owner mtime; }}
      '';
}
