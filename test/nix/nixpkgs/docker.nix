# dockerTools of today's shape: one Python script streams, wrapped with its configuration.
{
  lib,
  runCommand,
  makeWrapper,
  closureInfo,
  writePython3,
}:
let
  streamScript = writePython3 "stream" { } ../../oracle/reference.py;
in
rec {
  streamLayeredImage =
    {
      name,
      tag ? null,
      fromImage ? null,
      contents ? [ ],
      config ? { },
      created ? "1970-01-01T00:00:01Z",
    }:
    let
      closure = closureInfo { rootPaths = contents ++ [ customisation ]; };
      customisation = runCommand "${name}-customisation-layer" { inherit contents; } ''
        mkdir root $out
        for path in $contents; do [ -d $path ] && cp -rs $path/. root/; done
        chmod -R u+w root
        tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -C root -cf $out/layer.tar .
        sha256sum $out/layer.tar | cut -d' ' -f1 > $out/checksum
      '';
      conf = runCommand "${name}-conf.json" { inherit closure; } ''
        grep -v ${customisation} $closure/store-paths > paths || true
        tag=${if tag == null then "$(basename $out | cut -c1-32)" else tag}
        jq -nR --argjson config ${lib.escapeShellArg (builtins.toJSON config)} --arg tag "${name}:$tag" '{
          store_layers: [inputs | [.]], config: $config, repo_tag: $tag,
          store_dir: "${builtins.storeDir}", from_image: ${builtins.toJSON fromImage}, architecture: "amd64", os: "linux",
          created: "${created}", mtime: "${created}",
          uid: "0", gid: "0", uname: "root", gname: "root", customisation_layer: "${customisation}"
        }' < paths > $out
      '';
    in
    runCommand name
      {
        inherit conf;
        imageName = name;
        nativeBuildInputs = [ makeWrapper ];
        passthru = {
          inherit conf streamScript;
          imageTag = if tag == null then builtins.substring 11 32 (toString conf) else tag;
        };
      }
      ''
        makeWrapper ${streamScript} $out --add-flags $conf
      '';

  buildLayeredImage =
    { compressor ? "gzip -n", ... }@arguments:
    let
      stream = streamLayeredImage (removeAttrs arguments [ "compressor" ]);
    in
    runCommand "${arguments.name}.tar.gz" {
      inherit (stream) imageName;
      passthru = { inherit stream; inherit (stream) imageTag; };
    } "${stream} | ${compressor} > $out";

  # Nothing of it is the overlay's.
  caCertificates = runCommand "ca-certificates" { } "echo certificates > $out";
}
