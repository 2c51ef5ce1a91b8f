# The program, built from the lock file of this repository.
#
# The lock file has no `resolved` addresses, so npm itself fetches what it names: a fixed-output derivation runs
# `npm ci` for the platform (hashes.json has its hash; update-hashes.sh writes it), and the rest is built without a network.
{
  lib,
  stdenvNoCC,
  nodejs_24,
  cacert,
  makeWrapper,
}:
let
  platform =
    {
      x86_64-linux.cpu = "x64";
      aarch64-linux.cpu = "arm64";
    }
    .${system} or (throw "stream-layered-image: expected x86_64-linux or aarch64-linux, found ${system}");
  system = stdenvNoCC.hostPlatform.system;
  hashes = lib.importJSON ./hashes.json;
  inherit (lib.importJSON ../package.json) version;
  # npm asks for newer versions of itself otherwise.
  quiet.npm_config_update_notifier = "false";

  # Only what is built from, so that other changes build nothing anew.
  only =
    names:
    builtins.path {
      name = "stream-layered-image-source";
      path = ../.;
      filter =
        path: _type:
        lib.any (name: path == name || lib.hasPrefix "${name}/" path) (
          map (name: "${toString ../.}/${name}") names
        );
    };

  modules = stdenvNoCC.mkDerivation (quiet // {
    pname = "stream-layered-image-modules";
    inherit version;
    src = only [
      "package.json"
      "package-lock.json"
      ".npmrc"
    ];
    nativeBuildInputs = [
      nodejs_24
      cacert
    ];
    impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [
      "NPM_CONFIG_REGISTRY"
      "NODE_EXTRA_CA_CERTS"
    ];
    SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
    dontConfigure = true;
    dontFixup = true;
    buildPhase = ''
      runHook preBuild
      export HOME=$PWD/home
      npm ci --ignore-scripts --no-audit --no-fund --os=linux --cpu=${platform.cpu} --libc=glibc
      runHook postBuild
    '';
    # What npm notes beside the packages depends on its version.
    installPhase = ''
      runHook preInstall
      rm -f node_modules/.package-lock.json
      mv node_modules $out
      runHook postInstall
    '';
    outputHashMode = "recursive";
    outputHash = hashes.${system};
    outputHashAlgo = "sha256";
  });
in
stdenvNoCC.mkDerivation (quiet // {
  pname = "stream-layered-image";
  inherit version;
  src = only [
    "package.json"
    "package-lock.json"
    ".npmrc"
    "tsconfig.json"
    "bundle.mjs"
    "src"
    "workers"
  ];
  nativeBuildInputs = [
    nodejs_24
    makeWrapper
  ];
  dontConfigure = true;
  buildPhase = ''
    runHook preBuild
    export HOME=$PWD/home
    cp -r ${modules} node_modules
    chmod -R u+w node_modules
    patchShebangs node_modules
    npm run build
    npm prune --omit=dev --ignore-scripts --offline --no-audit --no-fund --os=linux --cpu=${platform.cpu} --libc=glibc
    rm -f node_modules/.package-lock.json
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    lib=$out/lib/stream-layered-image
    mkdir -p $lib/dist
    cp -r package.json node_modules $lib/
    cp -r dist/src dist/workers dist/command $lib/dist/
    makeWrapper ${nodejs_24}/bin/node $out/bin/stream-layered-image \
      --add-flags $lib/dist/command/src/main/cli.js
    runHook postInstall
  '';
  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    test "$($out/bin/stream-layered-image --version)" = ${version}
    runHook postInstallCheck
  '';
  passthru = { inherit modules; };
  meta = {
    description = "Stream a layered container image from Nix store paths, the bytes of dockerTools.streamLayeredImage";
    license = lib.licenses.mit;
    mainProgram = "stream-layered-image";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
})
